"""What a leader's device takes along where there is no network: the lists of the day, and no more.

Names are masked, cards are digests; the volunteer number goes along, for who knows theirs. Whoever
finds the tablet learns who is expected no better than from the list on the wall.

Invariant: a fixed number of statements, however many occasions and people.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from timebank import codes
from timebank.actors import Actor, Permission
from timebank.people.models import Member, MemberCard, MemberStatus
from timebank.people.names import masked_name
from timebank.service import checks, review, timing
from timebank.service.models import Attendance, AttendanceState, Occasion, OccasionStatus, Slot

AHEAD: Final = timedelta(hours=24)
"""A device that is away longer has to come back for a fresh list first."""


@dataclass(frozen=True, slots=True)
class CardDigests:
    """What a card is recognised by; neither its token nor its digits."""

    token_digest: str
    digits_digest: str
    is_revoked: bool


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on the list: what `decide` needs, under a masked name."""

    member_id: UUID
    name: str
    volunteer_number: str
    slot_id: UUID
    attendance: AttendanceState
    in_at: datetime | None
    out_at: datetime | None
    is_waiting_for_lead: bool
    is_suspended: bool
    is_own: bool
    other_open: str | None
    is_in_review: bool
    """A scan of theirs waits for somebody to look at it."""
    cards: list[CardDigests]


@dataclass(frozen=True, slots=True)
class Listed:
    """One occasion with its slots and list."""

    occasion: Occasion
    slots: list[Slot]
    people: list[Person]

    @property
    def is_cancelled(self) -> bool:
        """Tell whether it was called off."""
        return self.occasion.status is OccasionStatus.CANCELLED


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The lists of the day."""

    made_at: datetime
    leader_id: UUID
    zone: str
    occasions: list[Listed]


def take(session: Session, actor: Actor) -> Snapshot:
    """Return the lists of the occasions that the actor leads within the day.

    Args:
        session: a read session.
        actor: a leader or social worker who is a member.

    Raises:
        NotAllowed: `not_allowed`.
    """
    actor.require(Permission.RUN_OCCASION)
    assert actor.member_id is not None, "a device belongs to a person"
    now = clock.now()
    occasions = session.scalars(
        select(Occasion)
        .where(
            Occasion.community_id == actor.community_id,
            Occasion.leader_member_id == actor.member_id,
            Occasion.ends_at >= now - timing.WINDOW_AFTER,
            Occasion.starts_at <= now + AHEAD,
        )
        .order_by(Occasion.starts_at, Occasion.id)
    ).all()
    ids = [occasion.id for occasion in occasions]
    slots, people = _slots(session, actor, ids), _people(session, actor, ids)
    return Snapshot(
        made_at=now,
        leader_id=actor.member_id,
        zone=checks.community_of(session, actor).time_zone,
        occasions=[
            Listed(each, slots.get(each.id, []), people.get(each.id, [])) for each in occasions
        ],
    )


def _slots(session: Session, actor: Actor, ids: list[UUID]) -> dict[UUID, list[Slot]]:
    found = session.scalars(
        select(Slot)
        .where(Slot.community_id == actor.community_id, Slot.occasion_id.in_(ids))
        .order_by(Slot.occasion_id, Slot.starts_at)
    )
    return {key: list(group) for key, group in groupby(found, key=lambda slot: slot.occasion_id)}


def _people(session: Session, actor: Actor, ids: list[UUID]) -> dict[UUID, list[Person]]:
    found = session.execute(
        select(Attendance, Member)
        .join(Member, refers(Attendance.member_id, Member))
        .where(
            Attendance.community_id == actor.community_id,
            Attendance.occasion_id.in_(ids),
            Attendance.state != AttendanceState.WITHDRAWN,
        )
        .order_by(Attendance.occasion_id, Member.number)
    ).all()
    members = [member.id for _, member in found]
    known = _Known(
        _cards(session, actor, members),
        _open(session, actor, members),
        review.waiting_people(session, actor.community_id, ids),
    )
    made = [(row.occasion_id, _person(actor, row, member, known)) for row, member in found]
    return {
        key: [person for _, person in group]
        for key, group in groupby(made, key=lambda each: each[0])
    }


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the people of all lists, by member; of the tray by occasion too."""

    cards: dict[UUID, list[MemberCard]]
    open_at: dict[UUID, list[tuple[UUID, str]]]
    in_review: set[tuple[UUID, UUID]]


def _person(actor: Actor, row: Attendance, member: Member, known: _Known) -> Person:
    elsewhere = [title for key, title in known.open_at.get(member.id, []) if key != row.occasion_id]
    return Person(
        member_id=member.id,
        name=masked_name(member.name),
        volunteer_number=member.volunteer_number,
        slot_id=row.slot_id,
        attendance=row.state,
        in_at=row.in_at,
        out_at=row.out_at,
        is_waiting_for_lead=row.needs_lead,
        is_suspended=member.status is not MemberStatus.ACTIVE,
        is_own=member.id == actor.member_id,
        other_open=next(iter(elsewhere), None),
        is_in_review=(row.occasion_id, member.id) in known.in_review,
        cards=[
            CardDigests(
                card.token_digest.hex(),
                codes.token_digest(card.digits).hex(),
                card.revoked_at is not None,
            )
            for card in known.cards.get(member.id, [])
        ],
    )


def _cards(session: Session, actor: Actor, members: list[UUID]) -> dict[UUID, list[MemberCard]]:
    found = session.scalars(
        select(MemberCard)
        .where(MemberCard.community_id == actor.community_id, MemberCard.member_id.in_(members))
        .order_by(MemberCard.member_id, MemberCard.version)
    )
    return {key: list(group) for key, group in groupby(found, key=lambda card: card.member_id)}


def _open(
    session: Session, actor: Actor, members: list[UUID]
) -> dict[UUID, list[tuple[UUID, str]]]:
    """Return where each of the members is checked in and not forgotten."""
    found = session.execute(
        select(Attendance.member_id, Attendance.occasion_id, Occasion.title)
        .join(Occasion, refers(Attendance.occasion_id, Occasion))
        .join(Slot, refers(Attendance.slot_id, Slot))
        .where(
            Attendance.community_id == actor.community_id,
            Attendance.member_id.in_(members),
            Attendance.state == AttendanceState.IN,
            Slot.ends_at > clock.now() - timing.MISSING_OUT_AFTER,
        )
        .order_by(Attendance.member_id, Slot.starts_at)
    )
    return {
        key: [(occasion_id, title) for _, occasion_id, title in group]
        for key, group in groupby(found, key=lambda each: each[0])
    }
