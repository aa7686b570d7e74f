"""A community with two duty series, planned over three weeks, and a roster of its members.

Alice is the social worker, Bob leads; Charlie, Dora, Erik and Fang stand on shifts. Today is Sunday
1 November 2026; the roster runs from the 9th to the 22nd.
"""

from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger import clock
from tests.service.world import SIGN_UP_TIME, World, make_world
from timebank.codes import CodeKeys
from timebank.contributions import Category
from timebank.duty import planning, publishing, rosters
from timebank.duty.fairness import Plan
from timebank.duty.models import Assignment, AssignmentState, Roster
from timebank.duty.planning import Mode
from timebank.duty.publishing import Publication
from timebank.duty.rosters import Terms
from timebank.messages.models import Message
from timebank.people.models import Member
from timebank.service import repeating
from timebank.service.models import (
    Attendance,
    AttendanceState,
    Occasion,
    OccasionKind,
    Series,
    Slot,
)
from timebank.service.occasions import Activity, SlotPlan

BEGINS, ENDS = date(2026, 11, 9), date(2026, 11, 22)
PLANNED_UNTIL = date(2026, 11, 30)


@dataclass
class Duty:
    """The world with its series and, once made, its roster."""

    world: World
    team: list[Member]
    gate: Series
    market: Series
    roster: Roster = field(init=False)

    @property
    def session(self) -> Session:
        return self.world.session

    def terms(self, **changes: object) -> Terms:
        given: dict[str, object] = {
            "title": "十一月执勤",
            "begins_on": BEGINS,
            "ends_on": ENDS,
            "series_ids": frozenset({self.gate.id, self.market.id}),
            "member_ids": frozenset(member.id for member in self.team),
            **changes,
        }
        return Terms(**given)  # type: ignore[arg-type]

    def make_roster(self, **changes: object) -> Roster:
        self.roster = rosters.create_roster(
            self.session, self.world.desk, terms=self.terms(**changes)
        )
        return self.roster

    def plan(self, mode: Mode = Mode.AGAIN) -> Plan:
        return planning.plan_roster(
            self.session, self.world.desk, roster_id=self.roster.id, mode=mode
        )

    def publish(self) -> Publication:
        return publishing.publish(self.session, self.world.desk, roster_id=self.roster.id)

    def assign(self, slot_id: UUID, member: Member) -> Assignment:
        return planning.assign(
            self.session,
            self.world.desk,
            roster_id=self.roster.id,
            slot_id=slot_id,
            member_id=member.id,
        )

    def take_off(self, slot_id: UUID, member_id: UUID) -> None:
        planning.take_off(
            self.session,
            self.world.desk,
            roster_id=self.roster.id,
            slot_id=slot_id,
            member_id=member_id,
        )

    def slot(self, series: Series, on: date) -> Slot:
        return self.session.scalars(
            select(Slot)
            .join(Occasion, Occasion.id == Slot.occasion_id)
            .where(Occasion.series_id == series.id, Occasion.occurs_on == on)
        ).one()

    def on_list(self, slot_id: UUID) -> set[UUID]:
        return set(
            self.session.scalars(
                select(Attendance.member_id).where(
                    Attendance.slot_id == slot_id, Attendance.state == AttendanceState.ENROLLED
                )
            )
        )

    def planned(self, slot_id: UUID) -> dict[UUID, AssignmentState]:
        rows = self.session.scalars(select(Assignment).where(Assignment.slot_id == slot_id))
        return {row.member_id: row.state for row in rows}

    def told(self, member: Member) -> list[Message]:
        return list(
            self.session.scalars(
                select(Message).where(Message.member_id == member.id).order_by(Message.id)
            )
        )


def make_duty(session: Session, keys: CodeKeys, code: str = "D") -> Duty:
    """Make everything but the roster."""
    world = make_world(session, keys, code)
    with clock.at(SIGN_UP_TIME):
        team = [world.charlie, world.dora, world.add("黄二"), world.add("方三")]
        gate = _series(world, "社区入口值守", "FREQ=DAILY", ("09:00", "12:00"))
        market = _series(world, "菜市场晚间巡逻", "FREQ=WEEKLY;BYDAY=MO,WE,FR", ("19:00", "21:00"))
    return Duty(world, team, gate, market)


def _series(world: World, title: str, rule: str, times: tuple[str, str]) -> Series:
    made = repeating.create_series(
        world.session,
        world.desk,
        activity=Activity(
            world.site.id, world.bob.id, title, Category.SAFETY, OccasionKind.DUTY_SHIFT
        ),
        rule=rule,
        starts_on=date(2026, 11, 2),
        slot=SlotPlan(*times, 3),
    )
    repeating.plan_series(world.session, world.desk, series_id=made.id, until=PLANNED_UNTIL)
    return made
