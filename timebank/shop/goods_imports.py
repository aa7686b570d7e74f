"""Import of goods from another system: kinds, prices and the pieces that stand on the shelf.

Words: the *key* of a row is the number of the goods in the old system; it makes a second run
harmless, and leads from an imported basket to its goods.

Invariants: wholly or not at all; every row goes through the rules of the counter, on its own day;
the prices are set by the importing system, and a row whose maker is named as who priced it is
refused; a key stands for one row for ever.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import acts, clock
from ledger.errors import N_, Invalid, Refusal
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.people.models import Community, Member
from timebank.shop.consignments import details_of
from timebank.shop.goods import add_item, set_price
from timebank.shop.goods_rows import COLUMNS, GoodsRow, read_rows
from timebank.shop.intake import Intake, receive
from timebank.shop.models import Item, ValueBasis
from timebank.table_files import RefusedCell, read_table

ROWS_MAX: Final = 20_000
NONCE_PREFIX: Final = "goods:"
DIGEST_HEX: Final = 16
NOON: Final = time(12)
ROWS_PER_ADVANCE: Final = 20
FILE_COLUMNS: Final = tuple(key for key in COLUMNS if key != "number")

Refuse = Callable[[RefusedCell], None]
Advance = Callable[[int, int], None]
"""Told how many rows are done, and how many there are."""


class GoodsRefused(Invalid):
    """Rows of the file cannot be taken; nothing of it was imported."""

    code = "file_refused"
    message = N_("%(count)s refused: nothing was imported.")


@dataclass(frozen=True, slots=True)
class Checked:
    """A file without a refused row: what is new in it, and how many rows were there before."""

    new: tuple[GoodsRow, ...]
    known_count: int
    digest: bytes


def check(session: Session, actor: Actor, *, content: bytes, refuse: Refuse) -> Checked:
    """Read a whole file against the shop; write nothing.

    Args:
        session: a reading session.
        actor: needs `administer`.
        content: CSV or Excel.
        refuse: told of everything that cannot be taken.

    Raises:
        GoodsRefused: file_refused.
    """
    actor.require(Permission.ADMINISTER)
    columns = {key: COLUMNS[key] for key in FILE_COLUMNS}
    table = read_table(content, columns=columns, required=("key", "name"), rows_max=ROWS_MAX)
    told = _Told(refuse)
    rows = read_rows(table, told.refuse)
    known = imported_items(session, actor)
    people = _people(session, actor, rows)
    closed_through = acts.closed_through(session, actor.community_id)
    first_rows: dict[str, int] = {}
    new: list[GoodsRow] = []
    for row in rows:
        wrong = [
            *_incomplete(row),
            *_people_problems(row, people),
            *_key_problems(row, known, first_rows),
            *_day_problems(row, closed_through, _today(session, actor)),
        ]
        for cell in wrong:
            told.refuse(cell)
        if not wrong and row.key not in known:
            new.append(row)
    if told.count:
        raise GoodsRefused(count=f"{told.count:,} {'cell' if told.count == 1 else 'cells'}")
    return Checked(tuple(new), len(rows) - len(new), hashlib.sha256(content).digest())


def post(
    session: Session, actor: Actor, *, checked: Checked, refuse: Refuse, advance: Advance
) -> int:
    """Bring in every new row of a file that was checked; return how many.

    Args:
        session: a write session; an exception must roll it back.
        actor: the system, with `administer`.
        checked: what the check said.
        refuse: told of every row that the rules of the counter refuse.
        advance: told how far it is.

    Raises:
        GoodsRefused: file_refused.
    """
    actor.require(Permission.ADMINISTER)
    zone = ZoneInfo(session.get_one(Community, actor.community_id).time_zone)
    told = _Told(refuse)
    for done, row in enumerate(checked.new):
        if done % ROWS_PER_ADVANCE == 0:
            advance(done, len(checked.new))
        with _on_its_day(row, zone):
            try:
                with session.begin_nested():
                    _bring_in(session, actor, row)
            except Refusal as refusal:
                details = dict(refusal.details)
                told.refuse(RefusedCell(row.row, "", refusal.code, refusal.message, details))
    if told.count:
        raise GoodsRefused(count=f"{told.count:,} {'row' if told.count == 1 else 'rows'}")
    if checked.new:
        subject = f"community:{actor.community_id}"
        audit.record(
            session,
            actor,
            "import_goods",
            subject,
            row_count=len(checked.new),
            file_digest=checked.digest.hex(),
        )
    session.flush()
    advance(len(checked.new), len(checked.new))
    return len(checked.new)


def imported_items(session: Session, actor: Actor) -> dict[str, Item]:
    """Return the goods that were imported, by the number they had in the old system."""
    items = session.scalars(
        sa.select(Item).where(
            Item.community_id == actor.community_id,
            Item.nonce.startswith(NONCE_PREFIX, autoescape=True),
        )
    )
    return {item.nonce[len(NONCE_PREFIX) : -DIGEST_HEX - 1]: item for item in items}


# ---------------------------------------------------------------- checking


class _Told:
    """Counts what is refused."""

    def __init__(self, refuse: Refuse) -> None:
        self._refuse = refuse
        self.count = 0

    def refuse(self, cell: RefusedCell) -> None:
        """Pass it on."""
        self.count += 1
        self._refuse(cell)


def _today(session: Session, actor: Actor) -> date:
    return clock.today(session.get_one(Community, actor.community_id).time_zone)


def _people(session: Session, actor: Actor, rows: list[GoodsRow]) -> set[int]:
    """Return the volunteer numbers that are there."""
    if not any(row.maker or row.donor or row.pricer for row in rows):
        return set()
    numbers = sa.select(Member.number).where(Member.community_id == actor.community_id)
    return set(session.scalars(numbers))


def _incomplete(row: GoodsRow) -> Iterator[RefusedCell]:
    if not row.key:
        yield RefusedCell(row.row, "key", "key_missing", N_("Please give the key."))
    if not row.name:
        yield RefusedCell(row.row, "name", "name_missing", N_("Please give the name."))
    if row.basis is not None and row.price_points is None and row.price_yuan is None:
        yield RefusedCell(row.row, "basis", "price_missing", N_("A basis belongs to a price."))


def _people_problems(row: GoodsRow, people: set[int]) -> Iterator[RefusedCell]:
    for column in ("maker", "donor", "pricer"):
        number = getattr(row, column)
        if number is not None and number not in people:
            template = N_("There is no such member in this community.")
            yield RefusedCell(row.row, column, "member_not_found", template)
    if row.pricer is not None and row.pricer == row.maker:
        template = N_("The maker never sets the price.")
        yield RefusedCell(row.row, "pricer", "maker_never_prices", template)


def _key_problems(
    row: GoodsRow, known: dict[str, Item], first_rows: dict[str, int]
) -> Iterator[RefusedCell]:
    first_row = first_rows.setdefault(row.key, row.row)
    if first_row != row.row:
        template = N_("The key stands in row %(first_row)s already.")
        yield RefusedCell(row.row, "key", "key_repeated", template, {"first_row": first_row})
    elif row.key in known and known[row.key].nonce != _nonce(row):
        template = N_("The key was imported before with another row.")
        yield RefusedCell(row.row, "key", "key_reused", template)


def _day_problems(row: GoodsRow, closed_through: date | None, today: date) -> Iterator[RefusedCell]:
    on = row.day or today
    if on > today:
        template = N_("%(on)s has not come yet.")
        yield RefusedCell(row.row, "date", "day_in_future", template, {"on": on.isoformat()})
    if closed_through is not None and on <= closed_through:
        template = N_("The books are closed through %(closed_through_on)s.")
        details = {"closed_through_on": closed_through.isoformat()}
        yield RefusedCell(row.row, "date", "period_closed", template, details)


# ---------------------------------------------------------------- posting


@contextmanager
def _on_its_day(row: GoodsRow, zone: ZoneInfo) -> Iterator[None]:
    """Let a row happen at noon of its day; one without a day happens now."""
    noon = None if row.day is None else datetime.combine(row.day, NOON, zone)
    with clock.at(noon) if noon is not None and noon < clock.now() else nullcontext():
        yield


def _nonce(row: GoodsRow) -> str:
    """Return the number of a row's goods: its key, and a digest of what the row says."""
    said = repr(replace(row, row=0)).encode()
    return f"{NONCE_PREFIX}{row.key}:{hashlib.sha256(said).hexdigest()[:DIGEST_HEX]}"


def _bring_in(session: Session, actor: Actor, row: GoodsRow) -> None:
    item = add_item(session, actor, details=details_of(row), nonce=_nonce(row))
    if row.price_points is not None or row.price_yuan is not None:
        set_price(
            session,
            actor,
            item_number=item.number,
            price_points=row.price_points,
            price_fen=row.price_yuan,
            basis=row.basis or ValueBasis.MARKET,
        )
    if row.pieces is not None:
        intake = Intake(
            item_number=item.number,
            piece_count=row.pieces,
            choice=row.choice,
            nonce=_nonce(row),
            donor_number=row.donor or row.maker,
        )
        receive(session, actor, intake=intake)
