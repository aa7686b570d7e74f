"""Scans of a device without a network, told later: decided again, at the moment they were made.

The story: the device sends what it queued; we measure its clock, lock everybody it names, and
decide each scan, oldest first, together with all that is known of the same person and occasion
(`replay`). What fits is written into the row; what does not goes to the review tray (`review`).

Invariants: the same nonce gets the same answer and changes nothing; the end does not depend on the
order in which devices tell; a settled row is never changed; nothing is dropped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from timebank.actors import Actor, Permission
from timebank.people.models import Member, MemberCard
from timebank.service import merging, told, venue
from timebank.service.checks import number, text
from timebank.service.decide import Decision, Effect, ScanFacts, Status, Verdict, decide
from timebank.service.errors import NotHere, WrongField
from timebank.service.merging import Merged, Person
from timebank.service.models import Occasion
from timebank.service.offline_models import CodeKind, OfflineScan, Outcome, Why
from timebank.service.offline_outcome import QueuedScan, clock_doubt, outcome
from timebank.service.venue import Venue

BATCH_MAX: Final = 50
"""Scans in one call; a device with more sends them in several."""
DEVICE_LENGTH_MAX: Final = 64
OFFSET_SECONDS_MAX: Final = 10**9
UNTOLD: Final = Decision(Status.REVIEW)
"""What the book says of a scan whose moment it cannot trust: nothing."""


@dataclass(frozen=True, slots=True)
class Told:
    """One scan with what became of it.

    Args:
        scan: the row kept of it.
        is_replay: it had been told before.
        member_name: whose it is; empty for a card that nobody knows.
    """

    scan: OfflineScan
    is_replay: bool
    member_name: str = ""


@dataclass(frozen=True, slots=True)
class _Named:
    """Whose scan it is, and what the card was worth at that moment."""

    member: Member | None
    verdict: Verdict
    is_replaced: bool


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is held for the length of one call."""

    session: Session
    actor: Actor
    device: str
    offset: timedelta
    now: datetime
    venues: dict[UUID, Venue]
    members: dict[UUID, Member]
    cards: list[MemberCard]


def tell(
    session: Session, actor: Actor, *, device: str, sent_at: datetime, scans: Sequence[QueuedScan]
) -> list[Told]:
    """Take in what a device scanned while it had no network.

    Args:
        session: a write session.
        actor: the leader who worked the device.
        device: the device's mark, 1..64 characters.
        sent_at: the device's clock at the moment of sending.
        scans: at most 50, in any order.

    Returns:
        Every scan with its outcome, in the order given.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`, an occasion or a tapped name of another community; the system itself.
        WrongField: `wrong_field`, too many scans, or a device without a mark.
    """
    actor.require(Permission.RUN_OCCASION)
    if actor.member_id is None:
        raise NotHere(thing="member")
    number("scans", len(scans), 0, BATCH_MAX)
    now = clock.now()
    cards = _cards(session, actor, scans)
    batch = _Batch(
        session=session,
        actor=actor,
        device=text("device", device, DEVICE_LENGTH_MAX),
        offset=now - sent_at,
        now=now,
        venues=_held_venues(session, actor, {scan.occasion_id for scan in scans}),
        members=_locked_members(session, actor, scans, cards),
        cards=cards,
    )
    known = _told_before(batch, scans)
    done: dict[str, Told] = {}
    for scan in sorted(scans, key=lambda each: (each.device_at, each.sequence)):
        if scan.nonce in known:
            done[scan.nonce] = Told(known[scan.nonce], is_replay=True)
            continue
        kept = _take(batch, scan)
        session.flush()
        known[scan.nonce], done[scan.nonce] = kept, Told(kept, is_replay=False)
    fresh = [each.scan for each in done.values() if not each.is_replay]
    told.scanned(session, actor.community_id, fresh)
    return [_named_told(batch, done[scan.nonce]) for scan in scans]


def _named_told(batch: _Batch, each: Told) -> Told:
    member = batch.members.get(each.scan.member_id) if each.scan.member_id else None
    return replace(each, member_name=member.name if member else "")


# ---------------------------------------------------------------- what the batch names


def _cards(session: Session, actor: Actor, scans: Iterable[QueuedScan]) -> list[MemberCard]:
    """Return every card that one of the scans names."""
    digests = {_digest(scan.code) for scan in scans if scan.kind is CodeKind.CARD}
    digits = {scan.code for scan in scans if scan.kind is CodeKind.DIGITS}
    return list(
        session.scalars(
            select(MemberCard).where(
                MemberCard.community_id == actor.community_id,
                or_(MemberCard.token_digest.in_(digests), MemberCard.digits.in_(digits)),
            )
        )
    )


def _digest(code: str) -> bytes:
    """Return the digest written in hex; nobody's for what is none."""
    try:
        return bytes.fromhex(code)
    except ValueError as error:
        raise WrongField(field="code", expected="SHA-256") from error


def _held_venues(session: Session, actor: Actor, ids: set[UUID]) -> dict[UUID, Venue]:
    """Return the occasions, each held as it is until the transaction ends, in the order of ids."""
    session.scalars(
        select(Occasion.id)
        .where(Occasion.community_id == actor.community_id, Occasion.id.in_(ids))
        .order_by(Occasion.id)
        .with_for_update(read=True)
    ).all()
    found = {each: venue.by_id(session, actor.community_id, each) for each in sorted(ids)}
    if None in found.values():
        raise NotHere(thing="occasion")
    return {key: place for key, place in found.items() if place is not None}


def _locked_members(
    session: Session, actor: Actor, scans: Iterable[QueuedScan], cards: Iterable[MemberCard]
) -> dict[UUID, Member]:
    """Lock everybody the scans name, and the actor: the same batch sent twice waits here."""
    tapped = {scan.member_id for scan in scans if scan.kind is CodeKind.NAME}
    wanted = {actor.member_id, *tapped, *(card.member_id for card in cards)}
    if None in wanted:
        raise WrongField(field="member_id", expected="UUID")
    members = session.scalars(
        select(Member)
        .where(Member.community_id == actor.community_id, Member.id.in_(wanted))
        .order_by(Member.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    found = {member.id: member for member in members}
    if found.keys() != wanted:
        raise NotHere(thing="member")
    return found


def _told_before(batch: _Batch, scans: Iterable[QueuedScan]) -> dict[str, OfflineScan]:
    rows = batch.session.scalars(
        select(OfflineScan).where(
            OfflineScan.community_id == batch.actor.community_id,
            OfflineScan.scanned_by_id == batch.actor.member_id,
            OfflineScan.nonce.in_({scan.nonce for scan in scans}),
        )
    )
    return {row.nonce: row for row in rows}


# ---------------------------------------------------------------- one scan


def _take(batch: _Batch, scan: QueuedScan) -> OfflineScan:
    """Decide one scan that is new to us, write what it changes, keep it."""
    named = _named(batch, scan)
    doubt = clock_doubt(scan, batch.offset, batch.now)
    if doubt is not None:
        return _keep(batch, scan, named, UNTOLD, (Outcome.REVIEW, doubt))
    place, moment = batch.venues[scan.occasion_id], scan.device_at + batch.offset
    is_other = named.member is None or named.member.id != batch.actor.member_id
    facts = ScanFacts(
        verdict=named.verdict,
        intent=scan.said_intent,
        is_by_leader=is_other,
        is_own_name=not is_other,
        is_joining=True,
    )
    if named.member is None:
        decision = decide(facts, venue.stranger_facts(place), moment)
        found = outcome(scan.decision, decision, is_moved=False, is_replaced=False)
        return _keep(batch, scan, named, decision, found)
    person = merging.person_at(batch.session, named.member, place, moment)
    merged, found = _merged(batch, scan, named, person, (facts, moment))
    if found[0] is not Outcome.REVIEW and scan.decision.is_said:
        if merging.hold_place(batch.session, person, merged):
            merging.write(batch.session, batch.actor, person, merged)
        else:
            person = replace(person, state=replace(person.state, places_left=0))
            merged, found = _merged(batch, scan, named, person, (facts, moment))
    return _keep(batch, scan, named, merged.decision, found)


def _merged(
    batch: _Batch,
    scan: QueuedScan,
    named: _Named,
    person: Person,
    made: tuple[ScanFacts, datetime],
) -> tuple[Merged, tuple[Outcome, Why | None]]:
    """Return what a scan comes to, and what becomes of it."""
    facts, moment = made
    merged = merging.merge(person, facts, moment, is_said=scan.decision.is_said)
    found = merged.doubt or outcome(
        scan.decision, merged.decision, is_moved=merged.is_moved, is_replaced=named.is_replaced
    )
    return merged, found


def _named(batch: _Batch, scan: QueuedScan) -> _Named:
    """Return whose scan it is; a card is judged as of the moment of the scan."""
    if scan.kind is CodeKind.NAME and scan.member_id is not None:
        return _Named(batch.members[scan.member_id], Verdict.VALID, is_replaced=False)
    card = next((each for each in batch.cards if _is_card(each, scan)), None)
    if card is None:
        return _Named(None, Verdict.INVALID, is_replaced=False)
    member = batch.members[card.member_id]
    if card.revoked_at is None:
        return _Named(member, Verdict.VALID, is_replaced=False)
    is_good = scan.device_at + batch.offset < card.revoked_at
    return _Named(member, Verdict.VALID if is_good else Verdict.REVOKED, is_replaced=is_good)


def _seconds(offset: timedelta) -> int:
    """Return whole seconds; what is years away is only told as years."""
    return max(-OFFSET_SECONDS_MAX, min(OFFSET_SECONDS_MAX, round(offset.total_seconds())))


def _is_card(card: MemberCard, scan: QueuedScan) -> bool:
    if scan.kind is CodeKind.CARD:
        return card.token_digest == _digest(scan.code)
    return scan.kind is CodeKind.DIGITS and card.digits == scan.code


def _keep(
    batch: _Batch,
    scan: QueuedScan,
    named: _Named,
    decision: Decision,
    found: tuple[Outcome, Why | None],
) -> OfflineScan:
    """Keep the scan for good."""
    is_changing = found[0] is not Outcome.REVIEW and scan.decision.is_said
    effect = decision.effect if is_changing else Effect.NONE
    intent = scan.said_intent
    if is_changing and effect is not Effect.NONE:
        intent = merging.INTENTS[effect]
    assert batch.actor.member_id is not None, "checked at the door"
    row = OfflineScan(
        community_id=batch.actor.community_id,
        id=new_id(),
        nonce=scan.nonce,
        device=batch.device,
        sequence=scan.sequence,
        occasion_id=scan.occasion_id,
        member_id=named.member.id if named.member else None,
        scanned_by_id=batch.actor.member_id,
        kind=scan.kind,
        code=scan.code,
        intent=intent.value,
        device_at=scan.device_at,
        scanned_at=scan.device_at + batch.offset,
        offset_seconds=_seconds(batch.offset),
        snapshot_at=scan.snapshot_at,
        device_status=scan.decision.status.value,
        device_effect=scan.decision.effect.value,
        device_reason=scan.decision.reason,
        status=decision.status.value,
        effect=effect.value,
        reason=decision.reason.value if decision.reason else None,
        details=decision.details,
        outcome=found[0],
        why=found[1],
        recorded_at=batch.now,
    )
    batch.session.add(row)
    return row
