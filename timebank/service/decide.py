"""What one scan does: a pure function of the scan, the state and the moment.

It serves the web, a device that was offline and the tests; its cases stand in
`tests/service/decide_vectors.json`. It reads nothing and writes nothing.

Words: a *verdict* says what the scanned code itself is worth; *intent* is what the button said
(`auto`: the state decides); the *effect* is what the caller then writes.

Invariant: reasons are tried in one fixed order, validity first and duplicates last, so that a
person always hears the first thing that stands in the way.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from ledger.errors import N_
from timebank.service import timing
from timebank.service.models import AttendanceState


class Verdict(StrEnum):
    """What the scanned code is worth before anybody's state is looked at."""

    VALID = "valid"
    INVALID = "invalid"
    BAD_SIGNATURE = "bad_signature"
    CODE_EXPIRED = "code_expired"
    REVOKED = "revoked"


class Intent(StrEnum):
    """What the person asked for."""

    AUTO = "auto"
    IN = "in"
    OUT = "out"


class Effect(StrEnum):
    """What the caller writes."""

    NONE = "none"
    CHECK_IN = "check_in"
    JOIN = "join"
    CHECK_OUT = "check_out"


class Status(StrEnum):
    """How the scan ended."""

    OK = "ok"
    REPLAY = "replay"
    REFUSED = "refused"
    REVIEW = "review"


class Reason(StrEnum):
    """Why it ended so; stable codes, in the order they are tried."""

    INVALID = "invalid"
    BAD_SIGNATURE = "bad_signature"
    CODE_EXPIRED = "code_expired"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    WRONG_COMMUNITY = "wrong_community"
    CANCELLED = "cancelled"
    NOT_OPEN = "not_open"
    CLOSED = "closed"
    WRONG_OCCASION = "wrong_occasion"
    NOT_ENROLLED = "not_enrolled"
    FULL = "full"
    OVERLAP = "overlap"
    NOT_IN = "not_in"
    TOO_SOON = "too_soon"
    ALREADY_IN = "already_in"
    ALREADY_DONE = "already_done"
    LIST_CONFIRMED = "list_confirmed"
    NEEDS_LEAD = "needs_lead"


class NextAction(StrEnum):
    """What the person can do now."""

    SCAN_AGAIN = "scan_again"
    ASK_LEADER = "ask_leader"
    WAIT = "wait"
    JOIN = "join"
    OPEN_OTHER = "open_other"
    CHECK_OUT_LATER = "check_out_later"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """What was scanned, and how.

    Args:
        verdict: worth of the code (or of the card that a leader scanned).
        intent: what the button said.
        is_poster: the code was the paper poster, which proves no presence.
        is_by_leader: somebody who runs the occasion scanned for the member.
        is_own_name: who runs the occasion entered themselves on the leader's device; no code of
            this half minute was scanned, so another's yes is needed.
        is_joining: the member, not signed up, asked to join on the spot.
        is_same_community: the code belongs to the community the member is in.
    """

    verdict: Verdict = Verdict.VALID
    intent: Intent = Intent.AUTO
    is_poster: bool = False
    is_by_leader: bool = False
    is_own_name: bool = False
    is_joining: bool = False
    is_same_community: bool = True


@dataclass(frozen=True, slots=True)
class StateFacts:
    """What is known of the member, the occasion and the member's row at it.

    Args:
        zone: IANA zone of the community, for times in messages.
        starts_at: start of the member's slot (or of the one a walk-in would join).
        ends_at: its end.
        is_suspended: the member is suspended or has left.
        is_cancelled: the occasion was called off.
        attendance: state of the member's row; None without one.
        in_at: check-in of the row.
        out_at: check-out of the row.
        is_waiting_for_lead: the row waits for the leader's yes.
        places_left: free places of the slot.
        other_open: title of another occasion where the member is checked in.
        other_now: title of another occasion the member signed up for that is open now.
        community_name: name of the community the code belongs to.
    """

    zone: str
    starts_at: datetime
    ends_at: datetime
    is_suspended: bool = False
    is_cancelled: bool = False
    attendance: AttendanceState | None = None
    in_at: datetime | None = None
    out_at: datetime | None = None
    is_waiting_for_lead: bool = False
    places_left: int = 0
    other_open: str | None = None
    other_now: str | None = None
    community_name: str = ""

    @property
    def has_row(self) -> bool:
        """Tell whether the member is on the list; a withdrawn row is as good as none."""
        return self.attendance not in {None, AttendanceState.WITHDRAWN}


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer: what to write, what to say.

    Args:
        status: how the scan ended.
        effect: what the caller writes.
        reason: stable code; None when it simply worked.
        needs_lead: the row waits for the leader's yes.
        first_seen: when the same thing had happened before.
        next_action: what the person can do now.
        details: the facts that the message names.
    """

    status: Status
    effect: Effect = Effect.NONE
    reason: Reason | None = None
    needs_lead: bool = False
    first_seen: datetime | None = None
    next_action: NextAction = NextAction.NOTHING
    details: dict[str, str | int] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """Return the English template of what is said; the fields are in `details`."""
        return REASON_MESSAGES[self.reason] if self.reason else EFFECT_MESSAGES[self.effect]


REASON_MESSAGES: Final[dict[Reason, str]] = {
    Reason.INVALID: N_("This is not a code of this system."),
    Reason.BAD_SIGNATURE: N_("This code is not genuine."),
    Reason.CODE_EXPIRED: N_("This code is out of date."),
    Reason.REVOKED: N_("This card has been replaced or cancelled."),
    Reason.SUSPENDED: N_("Your service is suspended at present."),
    Reason.WRONG_COMMUNITY: N_("This code belongs to %(community)s."),
    Reason.CANCELLED: N_("This service has been called off."),
    Reason.NOT_OPEN: N_("Check-in opens at %(opens)s."),
    Reason.CLOSED: N_("Check-in closed at %(closed)s."),
    Reason.WRONG_OCCASION: N_("You signed up for %(other)s, which is on now."),
    Reason.NOT_ENROLLED: N_("You have not signed up for this service."),
    Reason.FULL: N_("All places are taken."),
    Reason.OVERLAP: N_("You are still checked in at %(other)s."),
    Reason.NOT_IN: N_("You have not checked in yet."),
    Reason.TOO_SOON: N_("You checked in at %(since)s; check-out opens at %(opens)s."),
    Reason.ALREADY_IN: N_("You already checked in at %(since)s."),
    Reason.ALREADY_DONE: N_("You already checked out at %(since)s."),
    Reason.LIST_CONFIRMED: N_("The leader has already settled this list."),
    Reason.NEEDS_LEAD: N_("Checked in at %(since)s; the leader still has to agree."),
}

EFFECT_MESSAGES: Final[dict[Effect, str]] = {
    Effect.NONE: N_("Nothing was changed."),
    Effect.CHECK_IN: N_("Checked in at %(since)s."),
    Effect.JOIN: N_("Joined and checked in at %(since)s."),
    Effect.CHECK_OUT: N_("Checked out at %(since)s, %(minutes)s minutes after you came."),
}

_Guard = Callable[[ScanFacts, StateFacts, datetime], Decision | None]


def decide(scan: ScanFacts, state: StateFacts, now: datetime) -> Decision:
    """Return what this scan does at `now`.

    Args:
        scan: what was scanned.
        state: what is known, read under the lock of the member.
        now: the moment of the scan, aware.

    Returns:
        One decision; refusals are answers, not exceptions, because each is recorded.
    """
    assert now.tzinfo is not None, "a moment carries its zone"
    for guard in _GUARDS:
        refusal = guard(scan, state, now)
        if refusal is not None:
            return refusal
    return _settled(scan, state, now) or _come(scan, state, now)


def _code(scan: ScanFacts, state: StateFacts, now: datetime) -> Decision | None:
    del state, now
    if scan.verdict is Verdict.VALID:
        return None
    return _refused(Reason(scan.verdict.value), NextAction.SCAN_AGAIN)


def _person(scan: ScanFacts, state: StateFacts, now: datetime) -> Decision | None:
    del now
    if state.is_suspended:
        return _refused(Reason.SUSPENDED, NextAction.ASK_LEADER)
    if not scan.is_same_community:
        return _refused(
            Reason.WRONG_COMMUNITY, NextAction.SCAN_AGAIN, community=state.community_name
        )
    return None


def _window(scan: ScanFacts, state: StateFacts, now: datetime) -> Decision | None:
    del scan
    opens_at = timing.window_opens_at(state.starts_at)
    closes_at = timing.window_closes_at(state.ends_at)
    if state.is_cancelled:
        return _refused(Reason.CANCELLED, NextAction.ASK_LEADER)
    if now < opens_at:
        opens = timing.local_text(opens_at, state.zone, now)
        return _refused(Reason.NOT_OPEN, NextAction.WAIT, opens=opens)
    if now > closes_at:
        closed = timing.local_text(closes_at, state.zone, now)
        return _refused(Reason.CLOSED, NextAction.ASK_LEADER, closed=closed)
    return None


def _place(scan: ScanFacts, state: StateFacts, now: datetime) -> Decision | None:
    """Refuse who is not on the list and does not ask to join, or finds no place."""
    del now
    if state.has_row:
        return None
    if not (scan.is_joining or scan.is_by_leader):
        if state.other_now is not None:
            return _refused(Reason.WRONG_OCCASION, NextAction.OPEN_OTHER, other=state.other_now)
        return _refused(Reason.NOT_ENROLLED, NextAction.JOIN)
    if state.places_left <= 0:
        return _refused(Reason.FULL, NextAction.ASK_LEADER)
    return None


def _elsewhere(scan: ScanFacts, state: StateFacts, now: datetime) -> Decision | None:
    """Refuse to be in two places; leaving this one stays possible."""
    del scan, now
    is_coming = not state.has_row or state.attendance is AttendanceState.ENROLLED
    if state.other_open is None or not is_coming:
        return None
    return _refused(Reason.OVERLAP, NextAction.OPEN_OTHER, other=state.other_open)


_GUARDS: Final[tuple[_Guard, ...]] = (_code, _person, _window, _place, _elsewhere)


def _settled(scan: ScanFacts, state: StateFacts, now: datetime) -> Decision | None:
    """Answer for a row that has already seen a check-in; None when the member is yet to come."""
    if state.attendance is AttendanceState.IN:
        return _leave(scan, state, now)
    if state.attendance in {AttendanceState.OUT, AttendanceState.POSTED}:
        return _again(Reason.ALREADY_DONE, state.out_at, state, now)
    if state.has_row and state.attendance is not AttendanceState.ENROLLED:
        return _refused(Reason.LIST_CONFIRMED, NextAction.ASK_LEADER)
    return None


def _leave(scan: ScanFacts, state: StateFacts, now: datetime) -> Decision:
    assert state.in_at is not None, "a checked-in row has its moment"
    opens_at = state.in_at + timing.OUT_AFTER_IN_MIN
    if scan.intent is Intent.IN or (scan.intent is Intent.AUTO and now < opens_at):
        return _again(Reason.ALREADY_IN, state.in_at, state, now)
    if now < opens_at:
        return _refused(
            Reason.TOO_SOON,
            NextAction.CHECK_OUT_LATER,
            since=timing.local_text(state.in_at, state.zone, now),
            opens=timing.local_text(opens_at, state.zone, now),
        )
    return Decision(
        Status.OK,
        Effect.CHECK_OUT,
        needs_lead=state.is_waiting_for_lead,
        details={
            "since": timing.local_text(now, state.zone, now),
            "minutes": timing.whole_minutes(state.in_at, now),
        },
    )


def _come(scan: ScanFacts, state: StateFacts, now: datetime) -> Decision:
    if scan.intent is Intent.OUT:
        return _refused(Reason.NOT_IN, NextAction.SCAN_AGAIN)
    effect = Effect.CHECK_IN if state.has_row else Effect.JOIN
    is_unproven = scan.is_poster or scan.is_own_name
    is_unsure = is_unproven or effect is Effect.JOIN or state.is_waiting_for_lead
    needs_lead = is_unsure and not scan.is_by_leader
    return Decision(
        Status.REVIEW if needs_lead else Status.OK,
        effect,
        reason=Reason.NEEDS_LEAD if needs_lead else None,
        needs_lead=needs_lead,
        next_action=NextAction.ASK_LEADER if needs_lead else NextAction.CHECK_OUT_LATER,
        details={"since": timing.local_text(now, state.zone, now)},
    )


def _again(reason: Reason, seen_at: datetime | None, state: StateFacts, now: datetime) -> Decision:
    """Answer a repeated scan: not an error, it says when it happened."""
    since = timing.local_text(seen_at or now, state.zone, now)
    action = NextAction.CHECK_OUT_LATER if reason is Reason.ALREADY_IN else NextAction.NOTHING
    return Decision(
        Status.REPLAY,
        reason=reason,
        needs_lead=state.is_waiting_for_lead,
        first_seen=seen_at,
        next_action=action,
        details={"since": since},
    )


def _refused(reason: Reason, next_action: NextAction, **details: str | int) -> Decision:
    return Decision(Status.REFUSED, reason=reason, next_action=next_action, details=details)
