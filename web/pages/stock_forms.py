"""What the forms about the stock may say: moves, stocktakes, workshops, files."""

from typing import Final

from timebank.shop.models import (
    NONCE_LENGTH_MAX,
    PIECE_COUNT_MAX,
    REASON_LENGTH_MAX,
    SHELF_LENGTH_MAX,
)
from timebank.shop.stock_models import (
    PLACE_LENGTH_MAX,
    TITLE_LENGTH_MAX,
    MoveKind,
    MoveState,
    StocktakeState,
)
from timebank.shop.stock_moves import RECIPIENT_LENGTH_MAX
from web.api import Args
from web.fields import Checkbox, Choice, Date, Text, WholeNumber
from web.i18n import N_

SCAN_LENGTH_MAX: Final = 200
WORKSHOP_ROWS: Final = 12
"""Rows that the form shows at first; more come with what was typed."""
MOVE_WORDS: Final = {
    MoveKind.WRITE_OFF: N_("written off: damaged or lost"),
    MoveKind.RECYCLE: N_("recycled"),
    MoveKind.GIFT: N_("given to a household in need"),
}
KIND_WORDS: Final = {
    MoveKind.WRITE_OFF: N_("written off"),
    MoveKind.RECYCLE: N_("recycled"),
    MoveKind.GIFT: N_("given away"),
    MoveKind.REVERSAL: N_("put back"),
}
MOVE_STATES: Final = {
    MoveState.PROPOSED: (N_("waits for a second person"), "wait"),
    MoveState.DONE: (N_("done"), "ok"),
    MoveState.DECLINED: (N_("declined"), "none"),
}
STOCKTAKE_STATES: Final = {
    StocktakeState.OPEN: (N_("being counted"), "wait"),
    StocktakeState.CLOSED: (N_("closed"), "ok"),
    StocktakeState.CALLED_OFF: (N_("called off"), "none"),
}


def nonce() -> Text:
    """Return the field of the form's own number."""
    return Text(required=True, length_min=1, length_max=NONCE_LENGTH_MAX)


def reason() -> Text:
    """Return the field that says why."""
    return Text(
        required=True,
        length_min=1,
        length_max=REASON_LENGTH_MAX,
        metadata={"label": N_("Reason")},
    )


class MoveForm(Args):
    """Pieces that are to leave the shelf unsold."""

    nonce = nonce()
    pieces = WholeNumber(
        required=True, minimum=1, maximum=PIECE_COUNT_MAX, metadata={"label": N_("Pieces")}
    )
    kind = Choice(
        [kind.value for kind in MOVE_WORDS],
        required=True,
        metadata={"label": N_("What becomes of them")},
    )
    reason = reason()
    recipient = Text(
        length_max=RECIPIENT_LENGTH_MAX,
        load_default="",
        metadata={"label": N_("Household (for a gift)")},
    )


class ReversalForm(Args):
    """Pieces that left by mistake."""

    nonce = nonce()
    reason = reason()


class OpenForm(Args):
    """Which shelf is counted; empty is all of them."""

    nonce = nonce()
    shelf = Text(length_max=SHELF_LENGTH_MAX, load_default="", metadata={"label": N_("Shelf")})


class CountForm(Args):
    """A label with the pieces that were counted."""

    nonce = nonce()
    code = Text(
        required=True,
        length_min=1,
        length_max=SCAN_LENGTH_MAX,
        metadata={"label": N_("Label or number of the goods")},
    )
    pieces = WholeNumber(
        load_default=1, minimum=0, maximum=PIECE_COUNT_MAX, metadata={"label": N_("Pieces")}
    )
    is_total = Checkbox()


class WorkshopHead(Args):
    """A session, without its rows."""

    nonce = nonce()
    title = Text(
        required=True,
        length_min=1,
        length_max=TITLE_LENGTH_MAX,
        metadata={"label": N_("Name of the session")},
    )
    held_on = Date(required=True, metadata={"label": N_("Day")})
    place = Text(length_max=PLACE_LENGTH_MAX, load_default="", metadata={"label": N_("Place")})
    goods = WholeNumber(
        minimum=1, maximum=99_999_999, metadata={"label": N_("Number of goods that are there")}
    )
    name = Text(length_max=60, load_default="", metadata={"label": N_("Name of new goods")})
    category = Text(length_max=30, load_default="", metadata={"label": N_("Category")})


class FileForm(Args):
    """Whose goods a file brings."""

    title = Text(
        required=True,
        length_min=1,
        length_max=TITLE_LENGTH_MAX,
        metadata={"label": N_("Whose goods these are")},
    )
