"""A paper sheet typed in row by row: each row is a time by hand, all of them or none.

The sheet is the printed list of an occasion, in the order of volunteer numbers, with empty rows for
walk-ins. Nobody is signed in by it: another person confirms every row (`rows.back_fill`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.errors import Refusal
from timebank.actors import Actor, Permission
from timebank.people.models import Member
from timebank.service import checks, rows, timing
from timebank.service.errors import NotHere, WrongLine
from timebank.service.models import Attendance, Occasion, Slot
from timebank.service.roster import number_of

LINES_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class SheetLine:
    """One row of the sheet as it was typed.

    Args:
        number: of the row on the paper, for what is said of it.
        volunteer_number: such as V0012.
        come: `HH:MM` on the day of the slot.
        go: `HH:MM`; past midnight where that is nearer to the slot.
    """

    number: int
    volunteer_number: str
    come: str
    go: str


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
    slots = session.scalars(
        select(Slot)
        .where(Slot.community_id == actor.community_id, Slot.occasion_id == occasion_id)
        .order_by(Slot.starts_at)
    ).all()
    people = _members(session, actor, lines)
    zone = checks.community_of(session, actor).time_zone
    made = []
    for line in sorted(lines, key=lambda each: str(people.get(_number(each)))):
        try:
            made.append(_write(session, actor, slots, (people.get(_number(line)), line), zone))
        except Refusal as refusal:
            raise WrongLine(number=line.number) from refusal
    return made


def _number(line: SheetLine) -> int | None:
    return number_of(line.volunteer_number.strip())


def _members(session: Session, actor: Actor, lines: Sequence[SheetLine]) -> dict[int | None, UUID]:
    """Return the members by their numbers."""
    numbers = {number for line in lines if (number := _number(line)) is not None}
    found = session.execute(
        select(Member.number, Member.id).where(
            Member.community_id == actor.community_id, Member.number.in_(numbers)
        )
    )
    return {row[0]: row[1] for row in found}


def _write(
    session: Session,
    actor: Actor,
    slots: Sequence[Slot],
    person: tuple[UUID | None, SheetLine],
    zone: str,
) -> Attendance:
    member_id, line = person
    if member_id is None:
        raise NotHere(thing="member")
    span = slots[0].starts_at, slots[-1].ends_at
    come, go = (timing.moment_near(*span, text, zone) for text in (line.come, line.go))
    slot = next((each for each in slots if each.ends_at > come), slots[-1])
    return rows.back_fill(
        session,
        actor,
        slot_id=slot.id,
        member_id=member_id,
        in_at=come,
        out_at=go,
    )
