"""Opening a scanned venue code: judging it, the ticket for the button, and the code to show.

Invariant: nothing here writes. A GET has no side effects, whoever or whatever follows the link.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from ledger import clock
from timebank import codes
from timebank.actors import Actor, Permission
from timebank.codes import CodeKeys, VenueVerdict
from timebank.people.models import Member
from timebank.service import checks, venue
from timebank.service.decide import Decision, ScanFacts, Verdict, decide
from timebank.service.models import AttendanceState, Occasion
from timebank.service.venue import Venue

_VERDICTS: Final = {
    VenueVerdict.FRESH: Verdict.VALID,
    VenueVerdict.POSTER: Verdict.VALID,
    VenueVerdict.EXPIRED: Verdict.CODE_EXPIRED,
    VenueVerdict.FORGED: Verdict.BAD_SIGNATURE,
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the page after a scan shows; nothing has been written.

    Args:
        venue: the occasion; None when the code is not one of ours.
        verdict: worth of the code.
        ticket: proof of presence for the button, good for ten minutes; None without a good code.
        preview: what the button would do for the signed-in member; None for a stranger.
        state: the member's row; None without one.
        in_at: when the member checked in.
    """

    venue: Venue | None
    verdict: Verdict
    ticket: str | None
    preview: Decision | None = None
    state: AttendanceState | None = None
    in_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TicketRead:
    """A ticket, opened: the occasion and what the ticket is worth."""

    venue: Venue | None
    verdict: Verdict
    is_poster: bool = False


def read_ticket(session: Session, keys: CodeKeys, text: str, *, is_locking: bool) -> TicketRead:
    """Open a ticket from the page: whose occasion it is and whether it is still good.

    Args:
        session: any session; a write session when locking.
        keys: the root key.
        text: the ticket.
        is_locking: hold the occasion as it is until the transaction ends.
    """
    code = codes.ticket_occasion_code(text)
    place = venue.by_short_code(session, code, is_locking=is_locking) if code else None
    if place is None:
        return TicketRead(None, Verdict.INVALID)
    ticket = codes.open_ticket(keys, place.community_id, text, clock.now())
    if ticket is None:
        return TicketRead(None, Verdict.BAD_SIGNATURE)
    verdict = Verdict.CODE_EXPIRED if ticket.is_expired else Verdict.VALID
    return TicketRead(place, verdict, ticket.is_poster)


def open_venue_code(session: Session, actor: Actor | None, keys: CodeKeys, *, code: str) -> Arrival:
    """Open a scanned venue code: judge it, make the ticket, look ahead. Writes nothing.

    Args:
        session: a read session.
        actor: the signed-in member; None for a stranger.
        keys: the root key.
        code: `<OCC>.<STEP>.<MAC>` as scanned, any case.
    """
    printed = venue.read_printed(code)
    place = venue.by_short_code(session, printed.occasion_code) if printed else None
    if printed is None or place is None:
        return Arrival(None, Verdict.INVALID, None)
    now = clock.now()
    judged = codes.judge_venue_code(
        keys,
        place.community_id,
        occasion_code=printed.occasion_code,
        step=printed.step,
        signature=printed.signature,
        moment=now,
    )
    verdict, is_poster = _VERDICTS[judged], judged is VenueVerdict.POSTER
    if verdict is not Verdict.VALID:
        return Arrival(place, verdict, None)
    ticket = codes.scan_ticket(
        keys, place.community_id, place.short_code, is_poster=is_poster, moment=now
    )
    return _look_ahead(session, actor, place, ticket, is_poster=is_poster)


def open_scan_ticket(session: Session, actor: Actor, keys: CodeKeys, *, ticket: str) -> Arrival:
    """Open the page again from its ticket, for somebody who had to sign in first."""
    read = read_ticket(session, keys, ticket, is_locking=False)
    if read.venue is None or read.verdict is not Verdict.VALID:
        return Arrival(read.venue, read.verdict, None)
    return _look_ahead(session, actor, read.venue, ticket, is_poster=read.is_poster)


def venue_path(session: Session, actor: Actor, keys: CodeKeys, *, occasion_id: UUID) -> str:
    """Return the path of the code to show now, `S/<OCC>.<STEP>.<MAC>`.

    Raises:
        NotAllowed: `not_allowed`, the actor runs no occasions.
        NotHere: `not_found`.
    """
    actor.require(Permission.RUN_OCCASION)
    return _path(session, actor, keys, occasion_id, codes.venue_step(clock.now()))


def poster_path(session: Session, actor: Actor, keys: CodeKeys, *, occasion_id: UUID) -> str:
    """Return the path of the paper poster; each of its scans waits for the leader's yes."""
    actor.require(Permission.RUN_OCCASION)
    return _path(session, actor, keys, occasion_id, codes.POSTER_STEP)


def _look_ahead(
    session: Session, actor: Actor | None, place: Venue, ticket: str, *, is_poster: bool
) -> Arrival:
    if actor is None or actor.member_id is None:
        return Arrival(place, Verdict.VALID, ticket)
    if actor.community_id != place.community_id:
        scan = ScanFacts(is_same_community=False)
        preview = decide(scan, venue.stranger_facts(place), clock.now())
        return Arrival(place, Verdict.VALID, ticket, preview)
    member = session.get_one(Member, (actor.community_id, actor.member_id))
    rows = venue.rows_of(session, member.id, place, clock.now())
    scan = ScanFacts(is_poster=is_poster)
    preview = decide(scan, venue.state_facts(member, place, rows), clock.now())
    row = rows.row
    return Arrival(
        place,
        Verdict.VALID,
        ticket,
        preview,
        state=row.state if row else None,
        in_at=row.in_at if row else None,
    )


def _path(session: Session, actor: Actor, keys: CodeKeys, occasion_id: UUID, step: int) -> str:
    occasion = checks.fetch(session, actor, Occasion, occasion_id, "occasion")
    key_id = checks.community_of(session, actor).code_key_id
    return codes.venue_path(keys, actor.community_id, key_id, occasion.short_code, step)
