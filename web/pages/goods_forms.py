"""What the forms about goods may say, and how their values reach the rules."""

import re
from typing import Any, Final
from uuid import UUID

from flask import request
from sqlalchemy.orm import Session

from timebank.actors import Actor
from timebank.shop.goods import ItemDetails
from timebank.shop.intake import Intake
from timebank.shop.models import (
    CATEGORY_LENGTH_MAX,
    ITEM_NAME_LENGTH_MAX,
    MAKER_NAME_LENGTH_MAX,
    NONCE_LENGTH_MAX,
    PIECE_COUNT_MAX,
    PRICE_FEN_MAX,
    PRICE_POINTS_MAX,
    SHELF_LENGTH_MAX,
    STORY_LENGTH_MAX,
    Condition,
    IntakeChoice,
    ValueBasis,
)
from timebank.shop.photos import add_photo
from web.api import Args
from web.fields import Checkbox, Choice, Lines, Price, Text, WholeNumber, Yuan
from web.i18n import N_

VOLUNTEER_NUMBER_PATTERN: Final = "^[Vv]?[0-9]{1,8}$"
BASES: Final = tuple(basis for basis in ValueBasis if basis is not ValueBasis.UNVALUED)
BASIS_WORDS: Final = {
    ValueBasis.VOUCHER: N_("voucher"),
    ValueBasis.MARKET: N_("market estimate"),
    ValueBasis.COUNCIL: N_("set by the council"),
    ValueBasis.NOMINAL: N_("a token price"),
    ValueBasis.UNVALUED: N_("not valued"),
}
CHOICE_WORDS: Final = {
    IntakeChoice.DONATE: N_("donated: no points"),
    IntakeChoice.EXCHANGE: N_("exchanged: the maker gets the points"),
}
CONDITION_WORDS: Final = {
    Condition.NEW: N_("new"),
    Condition.GOOD: N_("good"),
    Condition.FAIR: N_("with traces of use"),
}


class EditForm(Args):
    """What is told about goods."""

    name = Text(
        required=True,
        length_min=1,
        length_max=ITEM_NAME_LENGTH_MAX,
        metadata={"label": N_("Name of the goods")},
    )
    category = Text(
        length_max=CATEGORY_LENGTH_MAX, load_default="", metadata={"label": N_("Category")}
    )
    maker_name = Text(
        length_max=MAKER_NAME_LENGTH_MAX,
        load_default="",
        metadata={"label": N_("Maker's name on the label")},
    )
    story = Lines(
        length_max=STORY_LENGTH_MAX, load_default="", metadata={"label": N_("The maker's story")}
    )
    condition = Choice(Condition, load_default=Condition.GOOD, metadata={"label": N_("Condition")})
    shelf = Text(
        length_max=SHELF_LENGTH_MAX, load_default="", metadata={"label": N_("Shelf place")}
    )


class NewForm(EditForm):
    """New goods, with the pieces that came along."""

    nonce = Text(required=True, length_min=1, length_max=NONCE_LENGTH_MAX)
    maker_number = Text(
        length_max=9,
        pattern=VOLUNTEER_NUMBER_PATTERN,
        metadata={"label": N_("Maker's volunteer number")},
    )
    donor_number = Text(
        length_max=9,
        pattern=VOLUNTEER_NUMBER_PATTERN,
        metadata={"label": N_("Volunteer number of who brought it")},
    )
    is_single = Checkbox()
    pieces = WholeNumber(
        minimum=1, maximum=PIECE_COUNT_MAX, metadata={"label": N_("Pieces that came along")}
    )


class IntakeForm(Args):
    """Pieces of goods that are known already."""

    nonce = Text(required=True, length_min=1, length_max=NONCE_LENGTH_MAX)
    pieces = WholeNumber(
        required=True, minimum=1, maximum=PIECE_COUNT_MAX, metadata={"label": N_("Pieces")}
    )
    choice = Choice(IntakeChoice, required=True, metadata={"label": N_("What the maker wants")})
    donor_number = Text(
        length_max=9,
        pattern=VOLUNTEER_NUMBER_PATTERN,
        metadata={"label": N_("Volunteer number of who brought it")},
    )


class PriceForm(Args):
    """A price with its basis."""

    price = Price(maximum=PRICE_POINTS_MAX, metadata={"label": N_("Price in points")})
    price_yuan = Yuan(maximum=PRICE_FEN_MAX, metadata={"label": N_("Price in yuan")})
    basis = Choice(
        [basis.value for basis in BASES],
        required=True,
        metadata={"label": N_("Where the price comes from")},
    )


def details(data: dict[str, Any], photo_id: UUID | None) -> ItemDetails:
    """Return what the form tells about goods."""
    return ItemDetails(
        name=data["name"],
        story=data["story"],
        category=data["category"],
        maker_number=volunteer_number(data.get("maker_number")),
        maker_name=data["maker_name"],
        photo_id=photo_id,
        condition=data["condition"],
        shelf=data["shelf"],
        is_single=data.get("is_single", False),
    )


def intake(item_number: int, data: dict[str, Any]) -> Intake:
    """Return what was handed over; pieces that come with new goods are donated."""
    return Intake(
        item_number=item_number,
        piece_count=data["pieces"],
        choice=data.get("choice", IntakeChoice.DONATE),
        nonce=data["nonce"],
        donor_number=volunteer_number(data.get("donor_number") or data.get("maker_number")),
    )


def sent_photo(book: Session, actor: Actor) -> UUID | None:
    """Store the photo that came with the form, if one did."""
    file = request.files.get("photo")
    content = file.read() if file else b""
    return add_photo(book, actor, content=content).id if content else None


def volunteer_number(text: str | None) -> int | None:
    """Return 7 for V0007."""
    return int(re.sub("[Vv]", "", text)) if text else None
