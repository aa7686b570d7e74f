"""Consignments: a maker's or a group's goods by one Excel file, taken in wholly or not at all.

Words: a *row* names goods that are there by their number, or new goods by their name, with the
pieces that came. A file sets no price: the price committee does, later.

Invariants: every row goes through the counter's own rules; with one refused row nothing stays; the
same file again is the same batch, whatever it is called.
"""

import hashlib
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import N_, Invalid, Refusal
from ledger.ids import new_id
from timebank.actors import Actor, Permission
from timebank.people.models import Community, Member
from timebank.shop.goods import ItemDetails, add_item, find_item
from timebank.shop.goods_rows import COLUMNS, GoodsRow, read_rows
from timebank.shop.intake import Intake, receive
from timebank.shop.models import Donation, Item
from timebank.shop.stock_errors import TitleInvalid
from timebank.shop.stock_models import TITLE_LENGTH_MAX, BatchKind, IntakeBatch
from timebank.shop.workshops import find_batch, row_nonce, write_batch
from timebank.table_files import RefusedCell, read_table

ROWS_MAX: Final = 500
FILE_COLUMNS: Final = (
    *("number", "name", "category", "story", "maker", "maker_name", "condition", "shelf"),
    *("single", "pieces", "choice", "donor"),
)


class ConsignmentRefused(Invalid):
    """Rows of the file cannot be taken; nothing of it was taken in."""

    code = "consignment_refused"
    message = N_("%(count)s things to correct in the file: nothing was taken in.")

    def __init__(self, refused: list[RefusedCell]) -> None:
        """Keep what was refused; the details carry it to the API."""
        self.refused = refused
        rows = [
            {"row": cell.row, "column": cell.column, "code": cell.code, "reason": cell.reason}
            for cell in refused
        ]
        super().__init__(count=len(refused), rows=rows)


def receive_file(session: Session, actor: Actor, *, content: bytes, title: str) -> IntakeBatch:
    """Take in a file of goods.

    Args:
        session: write session; an exception must roll it back.
        actor: needs `handle_goods`; brings none of the goods.
        content: CSV or Excel, up to 500 rows.
        title: whose goods they are, 1 to 60 characters.

    Raises:
        TitleInvalid: title_invalid.
        ConsignmentRefused: consignment_refused, with every row, column, code and reason.
    """
    actor.require(Permission.HANDLE_GOODS)
    stripped = title.strip()
    if not 1 <= len(stripped) <= TITLE_LENGTH_MAX:
        raise TitleInvalid(length_max=TITLE_LENGTH_MAX)
    nonce = f"file:{hashlib.sha256(content).hexdigest()}"
    known = find_batch(session, actor, nonce=nonce)
    if known is not None:
        return known
    rows = _read(content)
    _lock_people(session, actor, rows)
    donations = _take_in(session, actor, rows, nonce)
    community = session.get_one(Community, actor.community_id)
    batch = IntakeBatch(
        community_id=actor.community_id,
        id=new_id(),
        nonce=nonce,
        kind=BatchKind.FILE,
        title=stripped,
        place="",
        held_on=clock.today(community.time_zone),
        recorded_by_id=actor.member_id,
        recorded_at=clock.now(),
    )
    write_batch(session, batch, donations)
    return batch


# ---------------------------------------------------------------- leaves


def _read(content: bytes) -> list[GoodsRow]:
    columns = {key: COLUMNS[key] for key in FILE_COLUMNS}
    table = read_table(content, columns=columns, required=("pieces",), rows_max=ROWS_MAX)
    refused: list[RefusedCell] = []
    rows = read_rows(table, refused.append)
    for row in rows:
        refused += _incomplete(row)
    if refused:
        raise ConsignmentRefused(refused)
    return rows


def _incomplete(row: GoodsRow) -> list[RefusedCell]:
    """Name what a row lacks: goods and pieces."""
    wrong: list[RefusedCell] = []
    if row.number is None and not row.name:
        wrong.append(
            RefusedCell(row.row, "", "goods_missing", N_("Please give the number or the name."))
        )
    if row.pieces is None:
        wrong.append(
            RefusedCell(row.row, "", "pieces_missing", N_("Please give the number of pieces."))
        )
    return wrong


def _lock_people(session: Session, actor: Actor, rows: list[GoodsRow]) -> None:
    """Lock all makers and donors in the order of their ids."""
    numbers = {number for row in rows for number in (row.maker, row.donor) if number is not None}
    session.execute(
        sa.select(Member.id)
        .where(Member.community_id == actor.community_id, Member.number.in_(numbers))
        .order_by(Member.id)
        .with_for_update(key_share=True)
    )


def _take_in(session: Session, actor: Actor, rows: list[GoodsRow], nonce: str) -> list[Donation]:
    """Take in every row by itself, so that all that are refused can be named together."""
    donations: list[Donation] = []
    refused: list[RefusedCell] = []
    for row in rows:
        try:
            with session.begin_nested():
                donations.append(_take_in_row(session, actor, row, row_nonce(nonce, row.row)))
        except Refusal as refusal:
            details = dict(refusal.details)
            refused.append(RefusedCell(row.row, "", refusal.code, refusal.message, details))
    if refused:
        raise ConsignmentRefused(refused)
    return donations


def _take_in_row(session: Session, actor: Actor, row: GoodsRow, nonce: str) -> Donation:
    assert row.pieces is not None, "a row without pieces was refused"
    item = _goods(session, actor, row, nonce)
    is_made_by_many = row.number is not None and item.maker_member_id is None
    intake = Intake(
        item_number=item.number,
        piece_count=row.pieces,
        choice=row.choice,
        nonce=nonce,
        donor_number=row.donor or row.maker,
        maker_number=row.maker if is_made_by_many else None,
    )
    return receive(session, actor, intake=intake)


def _goods(session: Session, actor: Actor, row: GoodsRow, nonce: str) -> Item:
    if row.number is not None:
        return find_item(session, actor, item_number=row.number)
    return add_item(session, actor, details=details_of(row), nonce=nonce)


def details_of(row: GoodsRow) -> ItemDetails:
    """Return what a row tells about new goods."""
    return ItemDetails(
        name=row.name,
        story=row.story,
        category=row.category,
        maker_number=row.maker,
        maker_name=row.maker_name,
        condition=row.condition,
        shelf=row.shelf,
        is_single=row.single,
    )
