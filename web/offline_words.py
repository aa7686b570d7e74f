"""What the leader's page says where there is no network, and what is said of scans told later."""

from datetime import datetime
from typing import Final

from timebank.service import timing
from timebank.service.decide import EFFECT_MESSAGES, REASON_MESSAGES, Effect, Reason, Status
from timebank.service.models import AttendanceState
from timebank.service.offline_models import OfflineScan, Outcome, Why
from web import leader_words, service_words
from web.i18n import N_, say, zone

KEPT: Final = {
    "unknown_card": N_("Kept. This card is not on the list of this device; the book is asked."),
    "snapshot_old": N_("Kept. The list on this device is too old, so somebody looks at it later."),
    "not_on_list": N_("%(number)s is not on the list of this service; nothing was kept."),
}
"""Answers of a device that does not know; what it keeps counts once the book has looked."""
LABELS: Final = {
    "check_in": N_("Check them in"),
    "check_out": N_("Check them out"),
    "unnamed": N_("Not on this list"),
    "failed": N_("This device could not keep the scan. Please write it on the paper list."),
    "in_review": N_("looked at by a person"),
    "sent_all": N_("Sent. Scans now in the book: %(entered)s."),
    "sent_some": N_(
        "Sent. Scans now in the book: %(entered)s; still to be looked at: %(review)s (%(names)s)"
    ),
    "comma": N_(", "),
    "age_minutes": N_("%(minutes)s min"),
    "age_hours": N_("%(hours)s h %(minutes)s min"),
}
WHYS: Final = {
    Why.EARLIER_COUNTS: N_("Somebody had scanned this person before: the earlier scan counts."),
    Why.MOVED_EARLIER: N_("This scan is earlier than the one known so far, so it counts."),
    Why.CARD_REPLACED: N_("The card was good then and has been replaced since."),
    Why.UNKNOWN_AT_DEVICE: N_("The device did not know this card; the book does."),
    Why.CLOCK_WRONG: N_("The clock of the device was more than 5 minutes wrong."),
    Why.IN_FUTURE: N_("By the clock of the device this scan is yet to come."),
    Why.SNAPSHOT_OLD: N_("The list on the device was older than 24 hours."),
    Why.UNKNOWN_CARD: N_("This card is unknown."),
    Why.DEVICE_SAID_NO: N_("The device sent this person away, but the book would not have."),
    Why.LIST_SETTLED: N_("The row of this person was settled before the scan arrived."),
    Why.OVERLAP: N_("This person was at another service at the same time."),
}
ENTERED: Final = N_("%(time)s: entered.")
FLAGGED: Final = N_("%(time)s: entered. %(why)s")
IN_TRAY: Final = N_("%(time)s: waits for a decision. %(why)s")


def page_words() -> dict[str, object]:
    """Return every sentence that the page needs without us, in the reader's language."""
    spoken = {**REASON_MESSAGES, **leader_words.MESSAGES}
    reasons = {str(key): template for key, template in spoken.items()} | KEPT
    effects = {**EFFECT_MESSAGES, Effect.CHECK_OUT: service_words.CHECKED_OUT}
    return {
        "reasons": {key: say(text, {}) for key, text in reasons.items()},
        "effects": {key: say(text, {}) for key, text in effects.items()},
        "advice": {key: say(text, {}) for key, text in leader_words.ADVICE.items()},
        "states": {key: say(service_words.STATES[key], {}) for key in AttendanceState},
        **{key: say(text, {}) for key, text in LABELS.items()},
    }


def said_why(scan: OfflineScan) -> str:
    """Return why a scan is flagged or waits, in the reader's language; empty when it is neither."""
    if scan.why is Why.REFUSED and scan.reason:
        return _said_reason(scan)
    return say(WHYS[scan.why], {}) if scan.why else ""


def said_result(scan: OfflineScan) -> str:
    """Return why a scan is flagged, waits or was refused; empty when it simply counts."""
    if scan.why is None and scan.reason and scan.status == Status.REFUSED.value:
        return _said_reason(scan)
    return said_why(scan)


def _said_reason(scan: OfflineScan) -> str:
    assert scan.reason is not None, "only what was refused has its reason said"
    reason = Reason(scan.reason)
    return say(leader_words.MESSAGES.get(reason, REASON_MESSAGES[reason]), scan.details)


def said_of(scan: OfflineScan, now: datetime) -> str:
    """Return what became of a scan, in the reader's language."""
    templates = {Outcome.ACCEPTED: ENTERED, Outcome.FLAGGED: FLAGGED, Outcome.REVIEW: IN_TRAY}
    time = timing.local_text(scan.scanned_at, zone(), now)
    return say(templates[scan.outcome], {"time": time, "why": said_why(scan)})
