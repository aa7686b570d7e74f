"""Checking in and out: opening a scanned code, the button, the leader's scan.

The story: a GET opens the code and gives a signed ticket, it never writes; a POST with the ticket
and a nonce decides and writes one append-only scan event, refusals included. A leader scans a card,
types its digits or taps a name instead.

Invariants: the member's row is locked before anything is decided, so two taps at once decide one
after the other; the same nonce of a member gives the stored answer; one attendance per member and
occasion.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from timebank import codes
from timebank.actors import Actor, Permission
from timebank.codes import CodeKeys, ScanKind
from timebank.people.models import Member, MemberCard
from timebank.service import checks, flags, venue
from timebank.service.answers import Answer, stored_answer
from timebank.service.arrivals import read_ticket
from timebank.service.decide import (
    Decision,
    Effect,
    Intent,
    ScanFacts,
    StateFacts,
    Verdict,
    decide,
)
from timebank.service.errors import Full, NonceReused, NotHere, WrongField
from timebank.service.models import Attendance, AttendanceState, Provenance, ScanEvent
from timebank.service.places import take_place
from timebank.service.venue import MemberRows, Venue

NONCE_LENGTH_MIN: Final = 8
NONCE_LENGTH_MAX: Final = 64

_SAME_PRESS: Final = select(ScanEvent).where(
    ScanEvent.community_id == bindparam("community_id"),
    ScanEvent.member_id == bindparam("member_id"),
    ScanEvent.nonce == bindparam("nonce"),
)


@dataclass(frozen=True, slots=True)
class Press:
    """The button of the page: the same for a phone and for a machine.

    Args:
        nonce: 8..64 characters, made once per page; a retry sends the same.
        intent: what the button said.
        is_joining: the member is not signed up and asks to join on the spot.
        device: a random text that the phone keeps; only its digest is stored. May be empty.
    """

    nonce: str
    intent: Intent = Intent.AUTO
    is_joining: bool = False
    device: str = ""


# ---------------------------------------------------------------- the button


def check_in(
    session: Session, actor: Actor, keys: CodeKeys, *, ticket: str, press: Press
) -> Answer:
    """Do what the button says for the signed-in member: come, join or leave.

    Args:
        session: a write session.
        actor: the member.
        keys: the root key.
        ticket: from the page.
        press: the button.

    Returns:
        The answer, also for a refusal: each is recorded.

    Raises:
        NotHere: `not_found`, the actor is no member.
        NonceReused: `nonce_reused`.
        WrongField: `wrong_field`, a nonce of the wrong length.
    """
    actor.require(Permission.TAKE_PART)
    if actor.member_id is None:
        raise NotHere(thing="member")
    read = read_ticket(session, keys, ticket, is_locking=True)
    scan = ScanFacts(
        verdict=read.verdict,
        intent=press.intent,
        is_poster=read.is_poster,
        is_joining=press.is_joining,
        is_same_community=read.venue is None or read.venue.community_id == actor.community_id,
    )
    return _scan(session, actor, actor.member_id, read.venue, scan, press)


def scan_for(
    session: Session,
    actor: Actor,
    *,
    occasion_id: UUID,
    text: str = "",
    member_id: UUID | None = None,
    press: Press,
) -> Answer:
    """Scan for somebody from the leader's device: a card, its digits, or a name on the roster.

    Args:
        session: a write session.
        actor: who runs the occasion.
        occasion_id: the occasion on the tablet.
        text: what the scanner or the hand typed; read when `member_id` is None.
        member_id: the name that was tapped.
        press: intent and nonce.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`, no such occasion or member.
        NonceReused, WrongField: as in `check_in`.
    """
    actor.require(Permission.RUN_OCCASION)
    place = venue.by_id(session, actor.community_id, occasion_id)
    if place is None:
        raise NotHere(thing="occasion")
    verdict = Verdict.VALID
    if member_id is None:
        member_id, verdict = _card(session, actor, text)
    is_other = member_id != actor.member_id
    scan = ScanFacts(
        verdict=verdict,
        intent=press.intent,
        is_by_leader=is_other,
        is_own_name=not is_other,
        is_joining=True,
    )
    if member_id is None:
        return _unknown(session, actor, place, scan, press)
    return _scan(session, actor, member_id, place, scan, press)


# ---------------------------------------------------------------- reading what was scanned


def _card(session: Session, actor: Actor, text: str) -> tuple[UUID | None, Verdict]:
    """Return whose card was scanned and what it is worth."""
    scanned = codes.read_scan(text)
    query = select(MemberCard).where(MemberCard.community_id == actor.community_id)
    if scanned.kind is ScanKind.CARD_TOKEN:
        query = query.where(MemberCard.token_digest == codes.token_digest(scanned.value))
    elif scanned.kind is ScanKind.CARD:
        query = query.where(MemberCard.digits == scanned.value)
    else:
        return None, Verdict.INVALID
    card = session.scalars(query).one_or_none()
    if card is None:
        return None, Verdict.INVALID
    return card.member_id, Verdict.VALID if card.revoked_at is None else Verdict.REVOKED


# ---------------------------------------------------------------- deciding and writing


def _scan(
    session: Session,
    actor: Actor,
    member_id: UUID,
    place: Venue | None,
    scan: ScanFacts,
    press: Press,
) -> Answer:
    """Lock the member, answer a known nonce, else decide, write and record."""
    _check_nonce(press.nonce)
    member = checks.lock_member(session, actor.community_id, member_id)
    same = {"community_id": actor.community_id, "member_id": member_id, "nonce": press.nonce}
    before = session.scalars(_SAME_PRESS, same).one_or_none()
    if before is not None:
        if before.occasion_id != (place.occasion_id if place else None):
            raise NonceReused
        return stored_answer(before.answer, member.name)
    now = clock.now()
    state, rows = _state(session, member, place, scan, now)
    decision = decide(scan, state, now)
    if decision.effect is not Effect.NONE:
        assert rows is not None, "only a known occasion has an effect"
        try:
            _write(session, _by(actor, scan), member, decision, rows)
        except Full:  # somebody else took the last place between our reading and our writing
            decision = decide(scan, replace(state, places_left=0), now)
    answer = Answer.of(decision, place, member.name)
    _record(session, actor, member_id, answer, scan, press)
    session.flush()
    return answer


def _by(actor: Actor, scan: ScanFacts) -> UUID | None:
    """Return who worked the leader's device; None when the member's own phone scanned."""
    return actor.member_id if scan.is_by_leader or scan.is_own_name else None


def _state(
    session: Session, member: Member, place: Venue | None, scan: ScanFacts, now: datetime
) -> tuple[StateFacts, MemberRows | None]:
    if place is None:
        return StateFacts(zone="UTC", starts_at=now, ends_at=now), None
    if not scan.is_same_community:
        return venue.stranger_facts(place), None
    rows = venue.rows_of(session, member.id, place, now)
    return venue.state_facts(member, place, rows), rows


def _write(
    session: Session, by_id: UUID | None, member: Member, decision: Decision, rows: MemberRows
) -> None:
    """Write the effect of a decision into the member's row; `by_id` as `_by` says."""
    now = clock.now()
    if decision.effect is Effect.CHECK_OUT:
        assert rows.row is not None, "only who came can leave"
        rows.row.state, rows.row.out_at, rows.row.out_by_id = AttendanceState.OUT, now, by_id
        return
    row = _joined(session, member, rows) if decision.effect is Effect.JOIN else rows.row
    assert row is not None, "check-in needs the row of the list"
    row.state, row.in_at, row.in_by_id = AttendanceState.IN, now, by_id
    row.provenance = Provenance.LEADER_SCANNED if by_id else Provenance.SELF_SCANNED
    row.needs_lead = decision.needs_lead
    row.out_at, row.out_by_id = None, None


def _joined(session: Session, member: Member, rows: MemberRows) -> Attendance:
    """Return the row of a walk-in, in a place that was free a moment ago."""
    take_place(session, rows.slot)
    row = rows.row or Attendance(
        community_id=member.community_id,
        id=new_id(),
        occasion_id=rows.slot.occasion_id,
        member_id=member.id,
    )
    row.slot_id, row.enrolled_at = rows.slot.id, clock.now()
    session.add(row)
    return row


def _unknown(session: Session, actor: Actor, place: Venue, scan: ScanFacts, press: Press) -> Answer:
    """Record a scan that named nobody."""
    _check_nonce(press.nonce)
    decision = decide(scan, venue.stranger_facts(place), clock.now())
    answer = Answer.of(decision, place, "")
    _record(session, actor, None, answer, scan, press)
    session.flush()
    return answer


def _record(
    session: Session,
    actor: Actor,
    member_id: UUID | None,
    answer: Answer,
    scan: ScanFacts,
    press: Press,
) -> None:
    now = clock.now()
    session.add(
        ScanEvent(
            community_id=actor.community_id,
            id=new_id(),
            nonce=press.nonce,
            occasion_id=answer.occasion_id,
            member_id=member_id,
            scanned_by_id=_by(actor, scan),
            kind=press.intent.value,
            status=answer.status.value,
            reason=answer.reason.value if answer.reason else None,
            answer=answer.document(),
            scanned_at=now,
            recorded_at=now,
            device=flags.device_mark(press.device, answer.occasion_id),
        )
    )


def _check_nonce(nonce: str) -> None:
    is_plain = nonce.isascii() and nonce.isprintable() and " " not in nonce
    if not (NONCE_LENGTH_MIN <= len(nonce) <= NONCE_LENGTH_MAX and is_plain):
        raise WrongField(field="nonce", expected=f"{NONCE_LENGTH_MIN}–{NONCE_LENGTH_MAX} ASCII")
