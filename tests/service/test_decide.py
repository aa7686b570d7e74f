"""Every case of the check-in protocol, from a file that a device without network can share."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from timebank.service.decide import (
    EFFECT_MESSAGES,
    REASON_MESSAGES,
    Effect,
    Intent,
    Reason,
    ScanFacts,
    StateFacts,
    Verdict,
    decide,
)
from timebank.service.models import AttendanceState

FILE = json.loads((Path(__file__).parent / "decide_vectors.json").read_text("utf-8"))
SLOT = FILE["slot"]
VECTORS = FILE["vectors"]
VECTORS_MIN = 60


@dataclass(frozen=True)
class Case:
    scan: ScanFacts
    state: StateFacts
    now: datetime
    expect: dict[str, Any]


def _moment(text: str) -> datetime:
    text = text if "T" in text else f"{SLOT['day']}T{text}"
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(SLOT["zone"]))


def _case(vector: dict[str, Any]) -> Case:
    scan, state = dict(vector["scan"]), dict(vector["state"])
    scan["verdict"] = Verdict(scan.get("verdict", "valid"))
    scan["intent"] = Intent(scan.get("intent", "auto"))
    for field in ("in_at", "out_at"):
        if field in state:
            state[field] = _moment(state[field])
    if "attendance" in state:
        state["attendance"] = AttendanceState(state["attendance"])
    facts = StateFacts(
        zone=SLOT["zone"],
        starts_at=_moment(SLOT["starts_at"]),
        ends_at=_moment(SLOT["ends_at"]),
        **state,
    )
    return Case(ScanFacts(**scan), facts, _moment(vector["now"]), vector["expect"])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_vector_is_answered_as_written(vector: dict[str, Any]) -> None:
    case = _case(vector)

    decision = decide(case.scan, case.state, case.now)

    answer = {
        "status": decision.status.value,
        "reason": decision.reason.value if decision.reason else None,
        "effect": decision.effect.value,
        "needs_lead": decision.needs_lead,
        "next_action": decision.next_action.value,
        "details": decision.details,
    }
    expected = dict(case.expect)
    first_seen = expected.pop("first_seen", None)
    assert {name: answer[name] for name in expected} == expected
    if first_seen is not None:
        assert decision.first_seen == _moment(first_seen)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_message_can_be_said_with_its_details(vector: dict[str, Any]) -> None:
    case = _case(vector)

    decision = decide(case.scan, case.state, case.now)

    assert "%(" not in decision.message % decision.details


def test_the_file_covers_every_reason_and_effect() -> None:
    reasons = {vector["expect"]["reason"] for vector in VECTORS}
    effects = {vector["expect"]["effect"] for vector in VECTORS}

    assert reasons == {reason.value for reason in Reason} | {None}
    assert effects == {effect.value for effect in Effect}
    assert len(VECTORS) >= VECTORS_MIN


def test_names_are_not_given_twice() -> None:
    names = [vector["name"] for vector in VECTORS]

    assert len(set(names)) == len(names)


def test_every_reason_and_effect_has_words() -> None:
    assert set(REASON_MESSAGES) == set(Reason)
    assert set(EFFECT_MESSAGES) == set(Effect)
