"""What a scan at the till means: a member, goods, or a receipt; one line serves all.

Invariant: reading a scan writes nothing; what is no code of this shop is refused with the text as
it came.
"""

import re
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from timebank import codes
from timebank.actors import Actor, Permission
from timebank.codes import CodeKeys, ScanKind
from timebank.people.models import Community, Member
from timebank.shop.errors import CodeNotUnderstood, ItemNotFound
from timebank.shop.goods import find_item
from timebank.shop.identity import SHOWN_TEXT_LENGTH_MAX, Holder, identify
from timebank.shop.stock import ShelfEntry, find_goods

FOUND_MEMBERS_MAX = 20
SEARCH_LENGTH_MAX = 60
_GOODS_PAGE = re.compile(r"([A-Z0-9]{1,4})-0*(\d{1,8})")


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan means; exactly one is set."""

    holder: Holder | None = None
    item_number: int | None = None
    receipt_number: int | None = None


@dataclass(frozen=True, slots=True)
class FoundByName:
    """What a search by name gave: members and goods, at most twenty each."""

    members: list[Member]
    goods: list[ShelfEntry]


def read(session: Session, actor: Actor, keys: CodeKeys, *, text: str) -> Scanned:
    """Return what a scan means.

    Args:
        session: read-only.
        actor: needs `keep_shop`.
        keys: the root key.
        text: as it came from the scanner or the keyboard.

    Raises:
        CodeNotUnderstood: unknown_code, with the text as it came.
        ItemNotFound: item_not_found, a goods label of another community or of no goods.
        Refusal: what `identify` refuses.
    """
    actor.require(Permission.KEEP_SHOP)
    scan = codes.read_scan(text)
    if scan.kind is ScanKind.RECEIPT:
        return Scanned(receipt_number=codes.label_number(scan.value))
    if scan.kind in {ScanKind.GOODS, ScanKind.GOODS_PAGE}:
        number = _item_number(session, actor, scan)
        return Scanned(item_number=find_item(session, actor, item_number=number).number)
    return Scanned(holder=identify(session, actor, keys, scan=text))


def read_goods(session: Session, actor: Actor, *, text: str) -> int:
    """Return the number of the goods that a label, or the number on it, stands for.

    Raises:
        CodeNotUnderstood: unknown_code, another kind of code or none.
        ItemNotFound: item_not_found, a label of another community or of no goods.
    """
    actor.require(Permission.HANDLE_GOODS)
    scan = codes.read_scan(text)
    if scan.kind in {ScanKind.GOODS, ScanKind.GOODS_PAGE}:
        number = _item_number(session, actor, scan)
    elif re.fullmatch("[0-9]{1,8}", scan.value, re.ASCII):
        number = int(scan.value)
    else:
        raise CodeNotUnderstood(text=scan.value[:SHOWN_TEXT_LENGTH_MAX])
    return find_item(session, actor, item_number=number).number


def find_by_name(session: Session, actor: Actor, *, text: str) -> FoundByName:
    """Return members and goods whose name holds `text`; a member also by number (V0001)."""
    actor.require(Permission.KEEP_SHOP)
    sought = text.strip()[:SEARCH_LENGTH_MAX]
    if not sought:
        return FoundByName([], [])
    conditions = [Member.name.icontains(sought, autoescape=True)]
    number = re.fullmatch(r"[Vv]?0*(\d{1,8})", sought, re.ASCII)
    if number is not None:
        conditions.append(Member.number == int(number[1]))
    members = session.scalars(
        sa.select(Member)
        .where(Member.community_id == actor.community_id, sa.or_(*conditions))
        .order_by(Member.number)
        .limit(FOUND_MEMBERS_MAX)
    )
    return FoundByName(list(members), find_goods(session, actor, text=sought))


def _item_number(session: Session, actor: Actor, scan: codes.Scan) -> int:
    """Return the number on a label: the barcode's, or the one behind the QR's community code."""
    if scan.kind is ScanKind.GOODS:
        return codes.label_number(scan.value)
    page = _GOODS_PAGE.fullmatch(scan.value)
    if page is None:
        raise CodeNotUnderstood(text=scan.value[:SHOWN_TEXT_LENGTH_MAX])
    community = session.get_one(Community, actor.community_id)
    if page[1] != community.code:
        raise ItemNotFound(item_number=scan.value)
    return int(page[2])
