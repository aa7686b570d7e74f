"""A small community with people who served: what the tests of rewards begin with."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from ledger.journal import Draft, Leg, post, reverse
from ledger.schema import TransactionKind
from tests.makers import FOUNDED_AT, actor_of, make_community, make_member
from timebank import chart
from timebank.actors import Actor, Role
from timebank.contributions import Category, Provenance
from timebank.people.models import Community, Member
from timebank.service.models import (
    Attendance,
    AttendanceState,
    Occasion,
    OccasionStatus,
    Site,
    Slot,
)

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
FIRST_DAY = date(2026, 1, 1)
THRESHOLDS = (6_000, 18_000, 36_000, 60_000, 90_000)
DAY_MINUTES_MAX = 1_440


@dataclass
class World:
    """One community: Alice is its social worker, Bob and Charlie are volunteers."""

    session: Session
    community: Community
    alice: Member
    bob: Member
    charlie: Member
    site_id: UUID
    served_count: int = field(default=0)

    @property
    def id(self) -> UUID:
        return self.community.community_id

    def actor(self, member: Member, *roles: Role) -> Actor:
        return actor_of(member, *roles)

    @property
    def desk(self) -> Actor:
        return self.actor(self.alice, Role.SOCIAL_WORKER)

    def add(self, name: str) -> Member:
        return make_member(self.session, self.community, name)

    def serve(
        self,
        member: Member,
        minutes: int,
        *,
        on: date = FIRST_DAY,
        category: Category = Category.ENVIRONMENT,
        title: str = "街巷巡查",
    ) -> UUID:
        """Post one confirmed attendance and return the id of its transaction."""
        self.served_count += 1
        occasion, slot = self.occasion(on, category, title)
        attendance_id = new_id()
        issuance_id = chart.service_issuance_id(self.session, self.id)
        posted = post(
            self.session,
            self.id,
            Draft(
                kind=TransactionKind.SERVICE,
                legs=(Leg(issuance_id, -minutes), Leg(member.service_account_id, minutes)),
                occurred_on=on,
                idempotency_key=f"attendance:{attendance_id}",
                actor="system:test",
                source=f"attendance:{attendance_id}",
                narration=title,
            ),
        )
        self.session.add(
            Attendance(
                community_id=self.id,
                id=attendance_id,
                occasion_id=occasion.id,
                slot_id=slot.id,
                member_id=member.id,
                state=AttendanceState.POSTED,
                enrolled_at=occasion.starts_at,
                provenance=Provenance.SELF_SCANNED,
                in_at=occasion.starts_at,
                out_at=occasion.ends_at,
                actual_minutes=min(minutes, DAY_MINUTES_MAX),
                counted_minutes=min(minutes, DAY_MINUTES_MAX),
                points=0,
                policy_version=None,
                confirmed_by_id=None,
                confirmed_at=clock.now(),
                transaction_id=posted.transaction_id,
            )
        )
        self.session.flush()
        return posted.transaction_id

    def undo(self, transaction_id: UUID, *, on: date = FIRST_DAY) -> None:
        reverse(
            self.session,
            self.id,
            transaction_id,
            reason="a wrong list",
            idempotency_key=f"undo:{transaction_id}",
            actor="system:test",
            occurred_on=on,
            source=f"correction:{transaction_id}",
        )

    def occasion(self, on: date, category: Category, title: str) -> tuple[Occasion, Slot]:
        starts_at = datetime(on.year, on.month, on.day, 1, 0, tzinfo=UTC)
        ends_at = starts_at + timedelta(hours=2)
        occasion = Occasion(
            community_id=self.id,
            id=new_id(),
            short_code=f"T{self.served_count:05d}",
            site_id=self.site_id,
            leader_member_id=self.alice.id,
            title=title,
            category=category,
            occurs_on=on,
            starts_at=starts_at,
            ends_at=ends_at,
            status=OccasionStatus.CLOSED,
        )
        self.session.add(occasion)
        self.session.flush()
        slot = Slot(
            community_id=self.id,
            id=new_id(),
            occasion_id=occasion.id,
            starts_at=starts_at,
            ends_at=ends_at,
            capacity=10,
        )
        self.session.add(slot)
        self.session.flush()
        return occasion, slot


def make_world(session: Session, *, code: str = "D") -> World:
    """Make a community with three people; its table of stars starts with the year."""
    community = make_community(session, code=code)
    with clock.at(FOUNDED_AT):
        alice, bob, charlie = (
            make_member(session, community, name) for name in ("蒙小燕", "韦桂芬", "农玉")
        )
        site = Site(community_id=community.community_id, id=new_id(), name="广场", address="")
        session.add(site)
        session.flush()
    return World(session, community, alice, bob, charlie, site.id)
