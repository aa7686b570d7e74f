"""The cases of the check-in protocol, read from the file that the server and the page share.

A moment is `HH:MM[:SS]` on the day of the slot, or a date with a time: on the wall of the slot's
zone unless it names an offset of its own (the hour that comes twice needs one).
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from timebank.service.decide import Decision, Intent, ScanFacts, StateFacts, Verdict
from timebank.service.models import AttendanceState

FILE = json.loads((Path(__file__).parent / "decide_vectors.json").read_text("utf-8"))
VECTORS: list[dict[str, Any]] = FILE["vectors"]
SEQUENCES: list[dict[str, Any]] = FILE["sequences"]


@dataclass(frozen=True)
class Case:
    """One vector, read: what goes into `decide`, what comes out."""

    scan: ScanFacts
    state: StateFacts
    now: datetime
    expect: dict[str, Any]
    first_seen: datetime | None


def case_of(vector: dict[str, Any]) -> Case:
    """Read one vector."""
    slot = {**FILE["slot"], **vector.get("slot", {})}
    expect = dict(vector["expect"])
    seen = expect.pop("first_seen", None)
    return Case(
        scan_of(vector["scan"]),
        state_of(vector["state"], slot),
        moment_of(vector["now"], slot),
        expect,
        moment_of(seen, slot) if seen else None,
    )


def scan_of(written: dict[str, Any]) -> ScanFacts:
    """Read what was scanned."""
    scan = dict(written)
    scan["verdict"] = Verdict(scan.get("verdict", "valid"))
    scan["intent"] = Intent(scan.get("intent", "auto"))
    return ScanFacts(**scan)


def state_of(written: dict[str, Any], slot: dict[str, str] | None = None) -> StateFacts:
    """Read what was known."""
    slot, state = slot or FILE["slot"], dict(written)
    for field in ("in_at", "out_at"):
        if field in state:
            state[field] = moment_of(state[field], slot)
    if "attendance" in state:
        state["attendance"] = AttendanceState(state["attendance"])
    return StateFacts(
        zone=slot["zone"],
        starts_at=moment_of(slot["starts_at"], slot),
        ends_at=moment_of(slot["ends_at"], slot),
        **state,
    )


def moment_of(text: str, slot: dict[str, str] | None = None) -> datetime:
    """Read a moment; universal time, as everywhere behind the pages."""
    slot = slot or FILE["slot"]
    moment = datetime.fromisoformat(text if "T" in text else f"{slot['day']}T{text}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(slot["zone"]))
    return moment.astimezone(UTC)


def answer_of(decision: Decision) -> dict[str, Any]:
    """Return a decision as the file writes it."""
    return {
        "status": decision.status.value,
        "reason": decision.reason.value if decision.reason else None,
        "effect": decision.effect.value,
        "needs_lead": decision.needs_lead,
        "next_action": decision.next_action.value,
        "details": decision.details,
    }
