"""Goods: kinds of things on the shelf, who made them, what they cost, what they tell.

Words: an *item* is a kind of goods (布艺杯垫), its *number* stands on the label and names its
commodity (GOODS-0001); a *price* is in points, in cash or in both, and has a basis.

Invariants: the maker never sets the price; every price that was ever set stays; numbers are gapless
per community; nothing about an item that a receipt needs is read later than the sale (receipts keep
name and price of the moment).
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from timebank import audit, chart
from timebank.actors import Actor, Permission
from timebank.people.errors import MemberNotFound
from timebank.people.models import Community, Member
from timebank.shop.errors import (
    ItemInvalid,
    ItemNotFound,
    MakerNeverPrices,
    NonceInvalid,
    PhotoNotFound,
    PriceInvalid,
)
from timebank.shop.models import (
    CATEGORY_LENGTH_MAX,
    ITEM_NAME_LENGTH_MAX,
    MAKER_NAME_LENGTH_MAX,
    NONCE_LENGTH_MAX,
    PRICE_FEN_MAX,
    PRICE_POINTS_MAX,
    STORY_LENGTH_MAX,
    Item,
    Photo,
    ValueBasis,
)
from timebank.shop.price_models import ItemPrice

FEN_PER_YUAN: Final = 100


@dataclass(frozen=True, slots=True)
class ItemDetails:
    """What is told about goods.

    Args:
        name: 1 to 60 characters.
        story: what the maker tells, up to 1000 characters.
        category: free word, up to 30 characters.
        maker_number: the maker's volunteer number as an integer; None when no member made it.
        maker_name: as printed; empty: the member's name, or a resident's gift without a name.
        photo_id: a stored photo.
    """

    name: str
    story: str = ""
    category: str = ""
    maker_number: int | None = None
    maker_name: str = ""
    photo_id: UUID | None = None


def check_nonce(nonce: str) -> None:
    """Refuse a request number that cannot be stored."""
    if not 1 <= len(nonce) <= NONCE_LENGTH_MAX or not nonce.isprintable():
        raise NonceInvalid(length_max=NONCE_LENGTH_MAX)


# ---------------------------------------------------------------- reading


def find_item(session: Session, actor: Actor, *, item_number: int) -> Item:
    """Return the goods with a number in the actor's community.

    Raises:
        ItemNotFound: item_not_found.
    """
    return find_items(session, actor, item_numbers=[item_number])[item_number]


def find_items(session: Session, actor: Actor, *, item_numbers: list[int]) -> dict[int, Item]:
    """Return the goods by number, all of them or none.

    Raises:
        ItemNotFound: item_not_found, names the first number that is missing.
    """
    found = session.scalars(
        sa.select(Item).where(
            Item.community_id == actor.community_id,
            # Larger numbers cannot exist, and sending them would overflow the column.
            Item.number.in_([number for number in item_numbers if 0 < number < 10**8]),
        )
    )
    by_number = {item.number: item for item in found}
    for number in item_numbers:
        if number not in by_number:
            raise ItemNotFound(item_number=number)
    return by_number


def read_public_item(
    session: Session, *, community_code: str, item_number: int
) -> tuple[Item, Community]:
    """Return what a stranger may see behind a goods code.

    Raises:
        ItemNotFound: item_not_found, unknown community or number (the two answer alike).
    """
    row = session.execute(
        sa.select(Item, Community)
        .join(Community, Community.community_id == Item.community_id)
        .where(Community.code == community_code.upper(), Item.number == min(item_number, 10**8))
    ).one_or_none()
    if row is None:
        raise ItemNotFound(item_number=item_number)
    return row[0], row[1]


# ---------------------------------------------------------------- adding and editing


def add_item(session: Session, actor: Actor, *, details: ItemDetails, nonce: str) -> Item:
    """Add a kind of goods: the next number, its label, its three accounts.

    The same nonce returns the same item.

    Args:
        session: write session.
        actor: needs `handle_goods`.
        details: what is told about the goods.
        nonce: the form's own number.

    Raises:
        ItemInvalid: item_invalid, a text out of range.
        MemberNotFound: member_not_found, no such maker.
        PhotoNotFound: photo_not_found.
    """
    actor.require(Permission.HANDLE_GOODS)
    check_nonce(nonce)
    # Locked first: a repeated form waits here, and then finds the item of the first one.
    community = _lock_community(session, actor.community_id)
    known = session.scalar(
        sa.select(Item).where(Item.community_id == actor.community_id, Item.nonce == nonce)
    )
    if known is not None:
        return known
    maker = _maker(session, actor, details.maker_number)
    community.last_item_number += 1
    number = community.last_item_number
    accounts = chart.open_item_accounts(session, actor.community_id, number)
    item = Item(
        community_id=actor.community_id,
        id=new_id(),
        nonce=nonce,
        number=number,
        maker_member_id=maker.id if maker else None,
        value_basis=ValueBasis.UNVALUED,
        created_at=clock.now(),
        intake_account_id=accounts.intake_id,
        stock_account_id=accounts.stock_id,
        out_account_id=accounts.out_id,
    )
    _tell(session, item, details, maker.name if maker else "")
    session.add(item)
    session.flush()
    return item


def edit_item(session: Session, actor: Actor, *, item_number: int, details: ItemDetails) -> Item:
    """Change what is told about goods.

    The maker as a member stays (prices and payments hang on it).

    Raises:
        ItemNotFound: item_not_found.
        ItemInvalid: item_invalid.
        PhotoNotFound: photo_not_found.
    """
    actor.require(Permission.HANDLE_GOODS)
    item = find_item(session, actor, item_number=item_number)
    _tell(session, item, details, "")
    audit.record(session, actor, "edit_item", f"item:{item.id}")
    session.flush()
    return item


def set_price(
    session: Session,
    actor: Actor,
    *,
    item_number: int,
    price_points: int | None,
    basis: ValueBasis,
    price_fen: int | None = None,
) -> Item:
    """Set the price, in points, in cash or in both; from this moment the till uses it.

    Args:
        session: write session.
        actor: needs `price_goods` and is not the maker.
        item_number: which goods.
        price_points: 1 to 10,000; None: not to be had for points.
        basis: where the price comes from; not `unvalued`.
        price_fen: 1 to 1,000,000; None: not sold for money.

    Raises:
        MakerNeverPrices: maker_never_prices.
        PriceInvalid: price_invalid.
        ItemNotFound: item_not_found.
    """
    actor.require(Permission.PRICE_GOODS)
    item = find_item(session, actor, item_number=item_number)
    if item.maker_member_id is not None and item.maker_member_id == actor.member_id:
        raise MakerNeverPrices
    _check_price(price_points, price_fen, basis)
    price = ItemPrice(
        community_id=actor.community_id,
        id=new_id(),
        item_id=item.id,
        price_points=price_points,
        price_fen=price_fen,
        basis=basis,
        set_by_id=actor.member_id,
        set_at=clock.now(),
    )
    session.add(price)
    item.price_points = price_points
    item.price_fen = price_fen
    item.value_basis = basis
    item.priced_by_id = actor.member_id
    item.priced_at = price.set_at
    session.flush()
    return item


def list_prices(session: Session, actor: Actor, *, item_number: int) -> list[ItemPrice]:
    """Return every price that goods ever had, the newest first.

    Raises:
        ItemNotFound: item_not_found.
    """
    actor.require(Permission.SEE_OWN_RECORD)
    item = find_item(session, actor, item_number=item_number)
    prices = session.scalars(
        sa.select(ItemPrice)
        .where(ItemPrice.community_id == actor.community_id, ItemPrice.item_id == item.id)
        .order_by(ItemPrice.set_at.desc(), ItemPrice.id.desc())
    )
    return list(prices)


# ---------------------------------------------------------------- leaves


def _check_price(price_points: int | None, price_fen: int | None, basis: ValueBasis) -> None:
    is_right = (
        (price_points is None or 1 <= price_points <= PRICE_POINTS_MAX)
        and (price_fen is None or 1 <= price_fen <= PRICE_FEN_MAX)
        and (price_points is not None or price_fen is not None)
    )
    if not is_right or basis is ValueBasis.UNVALUED:
        raise PriceInvalid(
            price_points_max=PRICE_POINTS_MAX, price_yuan_max=PRICE_FEN_MAX // FEN_PER_YUAN
        )


def _lock_community(session: Session, community_id: UUID) -> Community:
    """Return the community with its counters as they are under the lock."""
    return session.scalars(
        sa.select(Community)
        .where(Community.community_id == community_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def _maker(session: Session, actor: Actor, maker_number: int | None) -> Member | None:
    if maker_number is None:
        return None
    maker = session.scalar(
        sa.select(Member).where(
            Member.community_id == actor.community_id,
            Member.number == min(max(maker_number, 0), 10**8),
        )
    )
    if maker is None:
        raise MemberNotFound
    return maker


def _tell(session: Session, item: Item, details: ItemDetails, maker_name: str) -> None:
    """Write the texts and the photo, each checked against its limit."""
    item.name = _text("name", details.name, 1, ITEM_NAME_LENGTH_MAX)
    item.story = _text("story", details.story, 0, STORY_LENGTH_MAX)
    item.category = _text("category", details.category, 0, CATEGORY_LENGTH_MAX)
    printed = details.maker_name.strip() or maker_name
    item.maker_name = _text("maker_name", printed, 0, MAKER_NAME_LENGTH_MAX)
    if details.photo_id is not None:
        _check_photo(session, item.community_id, details.photo_id)
        item.photo_id = details.photo_id


def _text(field: str, value: str, length_min: int, length_max: int) -> str:
    stripped = value.replace("\r\n", "\n").strip()
    if not length_min <= len(stripped) <= length_max or "\0" in stripped:
        raise ItemInvalid(field=field, length_min=length_min, length_max=length_max)
    return stripped


def _check_photo(session: Session, community_id: UUID, photo_id: UUID) -> None:
    known = session.scalar(
        sa.select(Photo.id).where(Photo.community_id == community_id, Photo.id == photo_id)
    )
    if known is None:
        raise PhotoNotFound
