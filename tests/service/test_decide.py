"""Every case of the check-in protocol, from the file that a device without network shares."""

from typing import Any

import pytest

from tests.service.vectors import SEQUENCES, VECTORS, answer_of, case_of, moment_of, state_of
from timebank.service.decide import (
    EFFECT_MESSAGES,
    REASON_MESSAGES,
    Effect,
    Intent,
    Reason,
    ScanFacts,
    decide,
)
from timebank.service.replay import DatedScan, replay

VECTORS_MIN = 120


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_vector_is_answered_as_written(vector: dict[str, Any]) -> None:
    case = case_of(vector)

    decision = decide(case.scan, case.state, case.now)

    answer = answer_of(decision)
    assert {name: answer[name] for name in case.expect} == case.expect
    assert case.first_seen is None or decision.first_seen == case.first_seen


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_message_can_be_said_with_its_details(vector: dict[str, Any]) -> None:
    case = case_of(vector)

    decision = decide(case.scan, case.state, case.now)

    assert "%(" not in decision.message % decision.details


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: sequence["name"])
def test_scans_that_come_in_any_order_end_alike(sequence: dict[str, Any]) -> None:
    scans = [
        DatedScan(moment_of(each["now"]), ScanFacts(intent=Intent(each["intent"])))
        for each in sequence["scans"]
    ]
    begin, ends = state_of(sequence["state"]), state_of(sequence["ends"])

    assert len({tuple(order) for order in sequence["orders"]}) == 24
    for order in sequence["orders"]:
        state = begin
        known: list[DatedScan] = []
        for place in order:
            known.append(scans[place])
            state = replay(begin, known).state
        found = (state.attendance, state.in_at, state.out_at)
        assert found == (ends.attendance, ends.in_at, ends.out_at), order


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
