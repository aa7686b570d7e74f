"""The whole story of one attendance: where every one of its minutes came from.

Words: the *trail* of an attendance is who scanned, when and where, who confirmed and who agreed,
by which points rule, and every correction and question since.

Invariants: nobody sees another member's trail who may not see records; a trail is read in a fixed
number of statements.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import Session

from ledger.base import refers
from timebank.actors import Actor, Permission
from timebank.people.models import Member
from timebank.rewards.awards import Reason
from timebank.rewards.models import PointsPolicy
from timebank.service import posting, reasons
from timebank.service.correction_models import (
    Agreement,
    Correction,
    CorrectionState,
    Dispute,
)
from timebank.service.errors import NotHere
from timebank.service.flags import Flag, flags_at
from timebank.service.models import Attendance, Occasion, ScanEvent, Sighting, Site, Slot
from timebank.service.offline_models import OfflineScan
from timebank.service.settled import SETTLED_STATES

SEES_RECORDS: Final = (Permission.RUN_OCCASION, Permission.READ_BOOKS)
"""Who has one of these may see the trails of others."""
SCANS_SHOWN_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Trail:
    """What is known of one attendance.

    Args:
        row: the attendance as it stands.
        slot, occasion, site: when and where it was planned.
        member: who served.
        scans: every scan of the member there, refused ones too, oldest first.
        offline_scans: those told later by a device without a network, oldest first.
        sighting: who saw on site that it is that person; None when nobody said so.
        flags: what was worth a look.
        agreement: the second person's yes on a long day; None where one was enough.
        reason: time, rates, factors and caps by the policy; None when nothing was valued.
        corrections: every proposal, oldest first, whatever became of it.
        disputes: every question of the member, oldest first.
        names: of the people in it, by id.
        is_own: whether the reader is the member.
    """

    row: Attendance
    slot: Slot
    occasion: Occasion
    site: Site
    member: Member
    scans: list[ScanEvent]
    offline_scans: list[OfflineScan]
    sighting: Sighting | None
    flags: tuple[Flag, ...]
    agreement: Agreement | None
    reason: Reason | None
    corrections: list[Correction]
    disputes: list[Dispute]
    names: dict[UUID, str]
    is_own: bool

    @property
    def is_settled(self) -> bool:
        """Tell whether the list was confirmed, so that only a correction changes the row."""
        return self.row.state in SETTLED_STATES

    @property
    def is_corrected(self) -> bool:
        """Tell whether the times of the row are those that two people agreed to."""
        return any(each.state is CorrectionState.AGREED for each in self.corrections)

    @property
    def open_correction(self) -> Correction | None:
        """Return the proposal that waits for a decision, if there is one."""
        return next((each for each in self.corrections if each.decided_at is None), None)

    @property
    def open_dispute(self) -> Dispute | None:
        """Return the question that waits for an answer, if there is one."""
        return next((each for each in self.disputes if each.answered_at is None), None)

    def name(self, member_id: UUID | None) -> str | None:
        """Return somebody's name; None for the system."""
        return self.names.get(member_id) if member_id else None


def read_trail(session: Session, actor: Actor, *, attendance_id: UUID) -> Trail:
    """Return the story of an attendance, to its member and to those who may see records.

    Args:
        session: any session.
        actor: the member, or somebody who runs occasions or reads the books.
        attendance_id: the attendance.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`, also for somebody else's attendance that the actor may not see.
    """
    actor.require(Permission.SEE_OWN_RECORD)
    found = session.execute(_row(actor, attendance_id)).one_or_none()
    sees_others = any(actor.may(permission) for permission in SEES_RECORDS)
    if found is None or not (found[0].member_id == actor.member_id or sees_others):
        raise NotHere(thing="row")
    row, slot, occasion, site, member, agreement, policy, sighting = found
    corrections = _of_row(session, row, Correction, Correction.proposed_at)
    disputes = _of_row(session, row, Dispute, Dispute.raised_at)
    scans = _scans(session, row, ScanEvent)
    offline_scans = _scans(session, row, OfflineScan)
    people: set[UUID | None] = {row.in_by_id, row.out_by_id, row.confirmed_by_id}
    people |= {agreement.agreed_by_id, agreement.confirmed_by_id} if agreement else set()
    people |= {sighting.seen_by_id} if sighting else set()
    people |= {scan.scanned_by_id for scan in scans}
    people |= {scan.scanned_by_id for scan in offline_scans}
    people |= {each.answered_by_id for each in disputes}
    for each in corrections:
        people |= {each.proposed_by_id, each.decided_by_id}
    return Trail(
        *(row, slot, occasion, site, member),
        scans=scans,
        offline_scans=offline_scans,
        sighting=sighting,
        flags=flags_at(session, row.community_id, row.occasion_id).get(row.member_id, ()),
        agreement=agreement,
        reason=_reason(session, row, slot, occasion, policy),
        corrections=corrections,
        disputes=disputes,
        names=_names(session, actor, people),
        is_own=member.id == actor.member_id,
    )


def _row(actor: Actor, attendance_id: UUID) -> Select[*tuple[Any, ...]]:
    query: Select[*tuple[Any, ...]] = select(
        Attendance, Slot, Occasion, Site, Member, Agreement, PointsPolicy, Sighting
    ).join_from(Attendance, Slot, refers(Attendance.slot_id, Slot))
    return (
        query.join(Occasion, refers(Attendance.occasion_id, Occasion))
        .join(Site, refers(Occasion.site_id, Site))
        .join(Member, refers(Attendance.member_id, Member))
        .outerjoin(Agreement, refers(Agreement.attendance_id, Attendance))
        .outerjoin(
            PointsPolicy,
            and_(
                PointsPolicy.community_id == Attendance.community_id,
                PointsPolicy.version == Attendance.policy_version,
            ),
        )
        .outerjoin(Sighting, refers(Sighting.attendance_id, Attendance))
        .where(Attendance.community_id == actor.community_id, Attendance.id == attendance_id)
    )


def _scans(session: Session, row: Attendance, table: Any) -> list[Any]:
    """Return the scans of the row's member at its occasion, oldest first."""
    found = session.scalars(
        select(table)
        .where(
            table.community_id == row.community_id,
            table.occasion_id == row.occasion_id,
            table.member_id == row.member_id,
        )
        .order_by(table.scanned_at, table.id)
        .limit(SCANS_SHOWN_MAX)
    )
    return list(found)


def _of_row(session: Session, row: Attendance, table: Any, moment: Any) -> list[Any]:
    """Return the proposals or the questions about a row, oldest first."""
    return list(
        session.scalars(
            select(table)
            .where(table.community_id == row.community_id, table.attendance_id == row.id)
            .order_by(moment, table.id)
        )
    )


def _reason(
    session: Session, row: Attendance, slot: Slot, occasion: Occasion, policy: PointsPolicy | None
) -> Reason | None:
    if policy is None or row.transaction_id is None:
        return None
    kept = reasons.kept_reasons(session, row.community_id, [row.transaction_id])
    stay = posting.stay_of(row)
    return kept.get(row.transaction_id) or reasons.older_reason(
        policy, occasion, slot, stay, row.counted_minutes or 0
    )


def _names(session: Session, actor: Actor, people: Iterable[UUID | None]) -> dict[UUID, str]:
    ids = sorted({person for person in people if person is not None})
    found = session.execute(
        select(Member.id, Member.name).where(
            Member.community_id == actor.community_id, Member.id.in_(ids)
        )
    )
    return dict(found.all())
