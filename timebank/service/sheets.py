"""A paper sheet typed in row by row: each row is a time by hand, all of them or none.

The sheet is the printed list of an occasion, in the order of volunteer numbers, with empty rows for
walk-ins. Nobody is signed in by it: another person confirms every row (`rows.back_fill`). Who
scanned in and signed out on paper has the time of leaving alone (`rows.write_leave`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ledger.errors import Refusal
from timebank.actors import Actor, Permission
from timebank.people.models import Member, MemberStatus
from timebank.service import checks, rows, timing
from timebank.service.errors import NotOnePerson, UnknownPerson, WrongLine
from timebank.service.models import Attendance, AttendanceState, Occasion, Slot
from timebank.service.roster import number_of

LINES_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class SheetLine:
    """One row of the sheet as it was typed.

    Args:
        number: of the row on the paper, for what is said of it.
        person: a volunteer number such as V0012, or a name that one active member alone has.
        come: `HH:MM` on the day of the slot; empty for who scanned in.
        go: `HH:MM`; past midnight where that is nearer to the slot.
    """

    number: int
    person: str
    come: str
    go: str


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What the rows are written with: the slots by begin, who is checked in, the zone."""

    slots: Sequence[Slot]
    checked_in: dict[UUID, UUID]
    zone: str


def enter(
    session: Session, actor: Actor, *, occasion_id: UUID, lines: Sequence[SheetLine]
) -> list[Attendance]:
    """Write the rows of a sheet by hand; another person confirms them.

    Args:
        session: a write session.
        actor: who runs occasions.
        occasion_id: whose sheet.
        lines: at most 200; a row that stands already is written anew while nobody confirmed it.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`, no such occasion.
        WrongField: `wrong_field`, too many rows, or none.
        WrongLine: `wrong_line`, a row that cannot be written; its cause says why.
    """
    actor.require(Permission.RUN_OCCASION)
    checks.fetch(session, actor, Occasion, occasion_id, "occasion")
    checks.number("lines", len(lines), 1, LINES_MAX)
    sheet = _sheet(session, actor, occasion_id)
    people = _members(session, actor, [line.person for line in lines])
    made = []
    for line in sorted(lines, key=lambda each: str(people.get(each.person, ()))):
        try:
            member_id = _one(line.person, people[line.person])
            made.append(_write(session, actor, sheet, member_id, line))
        except Refusal as refusal:
            raise WrongLine(number=line.number) from refusal
    return made


def _sheet(session: Session, actor: Actor, occasion_id: UUID) -> _Sheet:
    slots = session.scalars(
        select(Slot)
        .where(Slot.community_id == actor.community_id, Slot.occasion_id == occasion_id)
        .order_by(Slot.starts_at)
    ).all()
    checked_in = session.execute(
        select(Attendance.member_id, Attendance.id).where(
            Attendance.community_id == actor.community_id,
            Attendance.occasion_id == occasion_id,
            Attendance.state == AttendanceState.IN,
        )
    )
    zone = checks.community_of(session, actor).time_zone
    return _Sheet(slots, {row[0]: row[1] for row in checked_in}, zone)


def _members(session: Session, actor: Actor, typed: Collection[str]) -> dict[str, tuple[UUID, ...]]:
    """Return, for each number or name, whose it is; a name is looked for among the active."""
    numbers = {number for text in typed if (number := number_of(text)) is not None}
    names = {text.strip() for text in typed if number_of(text) is None}
    found = session.execute(
        select(Member.number, Member.name, Member.id, Member.status).where(
            Member.community_id == actor.community_id,
            or_(Member.number.in_(numbers), Member.name.in_(names)),
        )
    ).all()
    by_number = {number: (member_id,) for number, _, member_id, _ in found}
    by_name: dict[str, tuple[UUID, ...]] = {}
    for _, name, member_id, status in found:
        if status is MemberStatus.ACTIVE:
            by_name[name] = (*by_name.get(name, ()), member_id)
    return {
        text: by_name.get(text.strip(), ())
        if (number := number_of(text)) is None
        else by_number.get(number, ())
        for text in typed
    }


def _one(typed: str, ids: tuple[UUID, ...]) -> UUID:
    if not ids:
        raise UnknownPerson(typed=typed.strip() or "–")
    if len(ids) > 1:
        raise NotOnePerson(typed=typed.strip(), count=len(ids))
    return ids[0]


def _write(
    session: Session, actor: Actor, sheet: _Sheet, member_id: UUID, line: SheetLine
) -> Attendance:
    span = sheet.slots[0].starts_at, sheet.slots[-1].ends_at
    if not line.come and member_id in sheet.checked_in:
        return rows.write_leave(
            session,
            actor,
            attendance_id=sheet.checked_in[member_id],
            out_at=timing.moment_near(*span, line.go, sheet.zone),
        )
    come, go = (timing.moment_near(*span, text, sheet.zone) for text in (line.come, line.go))
    slot = next((each for each in sheet.slots if each.ends_at > come), sheet.slots[-1])
    return rows.back_fill(
        session, actor, slot_id=slot.id, member_id=member_id, in_at=come, out_at=go
    )
