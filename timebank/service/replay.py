"""What several scans of one person come to, in whatever order they reached us: a pure function.

A device without a network tells of its scans later, and two devices may tell of the same person. So
the scans are put in the order in which they were made and decided one after the other, each on what
the ones before it left. Where two of them say the same, the earlier counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from timebank.service.decide import Decision, Effect, Intent, ScanFacts, StateFacts, decide
from timebank.service.models import AttendanceState

_AT_ONCE: Final = {Intent.IN: 0, Intent.AUTO: 1, Intent.OUT: 2}
"""The order of scans of one and the same moment."""


@dataclass(frozen=True, slots=True)
class DatedScan:
    """A scan and when it was made.

    Args:
        moment: when, aware.
        facts: what was scanned.
        other_open: title of another occasion where the member was checked in at that moment.
        key: what the caller knows the scan by; no matter to the result.
    """

    moment: datetime
    facts: ScanFacts
    other_open: str | None = None
    key: object = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the scans come to.

    Args:
        state: what is known after the last of them.
        steps: every scan with its decision, in the order of their moments.
        came: the scan whose moment is the check-in; None when none of these came.
        left: the scan whose moment is the check-out.
    """

    state: StateFacts
    steps: list[tuple[DatedScan, Decision]]
    came: DatedScan | None
    left: DatedScan | None

    def decision_of(self, key: object) -> Decision:
        """Return what was decided about one scan."""
        return next(decision for scan, decision in self.steps if scan.key == key)


def replay(begin: StateFacts, scans: Iterable[DatedScan]) -> Replayed:
    """Decide scans in the order in which they were made.

    Args:
        begin: what was known before any of them; `other_open` is taken from each scan.
        scans: in any order.
    """
    state, steps = begin, []
    came: DatedScan | None = None
    left: DatedScan | None = None
    for scan in sorted(scans, key=lambda each: (each.moment, _AT_ONCE[each.facts.intent])):
        state = replace(state, other_open=scan.other_open)
        decision = decide(scan.facts, state, scan.moment)
        steps.append((scan, decision))
        if decision.effect is Effect.CHECK_OUT:
            left = scan
        elif decision.effect is not Effect.NONE:
            came = scan
        state = after(state, decision, scan.moment)
    return Replayed(state, steps, came, left)


def after(state: StateFacts, decision: Decision, moment: datetime) -> StateFacts:
    """Return what is known once the effect of a decision is written."""
    if decision.effect is Effect.NONE:
        return state
    if decision.effect is Effect.CHECK_OUT:
        return replace(state, attendance=AttendanceState.OUT, out_at=moment)
    taken = 1 if decision.effect is Effect.JOIN else 0
    return replace(
        state,
        attendance=AttendanceState.IN,
        in_at=moment,
        out_at=None,
        is_waiting_for_lead=decision.needs_lead,
        places_left=state.places_left - taken,
    )
