"""What the book makes of a scan that a device decided by itself: pure rules.

Words: the *device decision* is what the tablet told the person; the *decision* is what `decide`
says of the same scan at the same moment, with all that is known by now; the *offset* is our clock
less the device's, measured when it tells us.

Invariant: what a person was told holds unless the book knows better; then a human looks at it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from timebank.service.decide import Decision, Effect, Intent, Reason, Status
from timebank.service.offline_models import CodeKind, Outcome, Why

OFFSET_MAX: Final = timedelta(minutes=5)
FUTURE_MAX: Final = timedelta(minutes=1)
"""A scan dated later than this after our now was not made at that time."""
SNAPSHOT_AGE_MAX: Final = timedelta(hours=24)
REFUSED_WHYS: Final = frozenset({Why.REFUSED, Why.OVERLAP})
"""Doubts that a scan told of later can clear, such as the check-in before a check-out."""


@dataclass(frozen=True, slots=True)
class DeviceDecision:
    """What the device told the person."""

    status: Status
    effect: Effect
    reason: str | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether the device knew nobody by that card and promised to ask."""
        return self.status is Status.REVIEW and self.effect is Effect.NONE

    @property
    def is_said(self) -> bool:
        """Tell whether the person may count on the scan: neither refused nor a repetition."""
        return self.effect is not Effect.NONE or self.is_open


@dataclass(frozen=True, slots=True)
class QueuedScan:
    """One row of the device's queue.

    Args:
        nonce: 8..64 characters; the same again is the same scan.
        sequence: the device's own count.
        occasion_id: the occasion on the tablet.
        kind: what was read.
        code: digits, or the SHA-256 of a card's token in hex; empty for a name.
        member_id: for a tapped name.
        intent: what the button said.
        device_at: the device's clock at the scan.
        device_offset: the offset the device knew at the scan; None when it had never measured.
        snapshot_at: when the list it decided by was made, by our clock; None without a list.
        decision: what it told the person.
    """

    nonce: str
    sequence: int
    occasion_id: UUID
    kind: CodeKind
    device_at: datetime
    decision: DeviceDecision
    code: str = ""
    member_id: UUID | None = None
    intent: Intent = Intent.AUTO
    device_offset: timedelta | None = None
    snapshot_at: datetime | None = None

    @property
    def said_intent(self) -> Intent:
        """Return what the device took the scan for, so that a later look takes it for the same."""
        if self.decision.effect is Effect.CHECK_OUT:
            return Intent.OUT
        if self.decision.effect is not Effect.NONE:
            return Intent.IN
        told = {Reason.ALREADY_IN.value: Intent.IN, Reason.ALREADY_DONE.value: Intent.OUT}
        return told.get(self.decision.reason or "", self.intent)


def clock_doubt(scan: QueuedScan, offset: timedelta, now: datetime) -> Why | None:
    """Return why the moment of a scan cannot be trusted, or the list it was decided by.

    Args:
        scan: what the device tells.
        offset: our clock less the device's, measured now.
        now: our clock.
    """
    moment = scan.device_at + offset
    has_moved = scan.device_offset is not None and abs(scan.device_offset - offset) > OFFSET_MAX
    if abs(offset) > OFFSET_MAX or has_moved:
        return Why.CLOCK_WRONG
    if moment > now + FUTURE_MAX:
        return Why.IN_FUTURE
    if scan.snapshot_at is None or moment - scan.snapshot_at > SNAPSHOT_AGE_MAX:
        return Why.SNAPSHOT_OLD
    return Why.CLOCK_WRONG if moment < scan.snapshot_at - OFFSET_MAX else None


def outcome(
    device: DeviceDecision, decision: Decision, *, is_moved: bool, is_replaced: bool
) -> tuple[Outcome, Why | None]:
    """Return what becomes of a scan whose moment is good.

    Args:
        device: what the person was told.
        decision: what the book says of it.
        is_moved: a later moment of the same person had counted so far.
        is_replaced: the card was good then and has been replaced or cancelled since.
    """
    if not device.is_said:
        agrees = decision.effect is Effect.NONE
        return (Outcome.ACCEPTED, None) if agrees else (Outcome.REVIEW, Why.DEVICE_SAID_NO)
    if decision.status is Status.REFUSED:
        is_unknown = decision.reason is Reason.INVALID
        return Outcome.REVIEW, Why.UNKNOWN_CARD if is_unknown else Why.REFUSED
    flags = {
        Why.UNKNOWN_AT_DEVICE: device.is_open,
        Why.CARD_REPLACED: is_replaced,
        Why.EARLIER_COUNTS: decision.status is Status.REPLAY,
        Why.MOVED_EARLIER: is_moved,
    }
    flag = next((why for why, is_so in flags.items() if is_so), None)
    return (Outcome.FLAGGED, flag) if flag else (Outcome.ACCEPTED, None)
