"""How many statements a request costs, sign-in included, on both databases and with any history."""

from collections.abc import Callable

import pytest

from tests.api.statements import Seen, noted
from tests.api.world import Call, Neighbourhood, basket, ticket

CHECK_IN_MAX = 12
REDEMPTION_MAX = 16
STATEMENT_MAX = 8
HISTORY_COUNT = 10

pytestmark = pytest.mark.databases("sqlite", "postgresql")


def _cost(home: Neighbourhood, request: Callable[[], int]) -> tuple[int, Seen]:
    with noted(home.database) as seen:
        status = request()
    return status, seen


def _redeem(gu: Call, home: Neighbourhood) -> int:
    return gu("POST", "/redemptions", json=basket(home)).status_code


def test_a_check_in_by_api_costs_at_most_twelve(fresh_home: Neighbourhood) -> None:
    charlie = fresh_home.caller("charlie")
    body = {"ticket": ticket(fresh_home), "nonce": "a-nonce-of-this-test"}

    status, seen = _cost(fresh_home, lambda: charlie("POST", "/checkins", json=body).status_code)

    assert status == 201
    assert len(seen) <= CHECK_IN_MAX, seen


def test_a_redemption_of_five_costs_at_most_sixteen_and_does_not_grow(
    fresh_home: Neighbourhood,
) -> None:
    gu = fresh_home.caller("gu")
    first, seen = _cost(fresh_home, lambda: _redeem(gu, fresh_home))
    for _ in range(HISTORY_COUNT):
        _redeem(gu, fresh_home)
    later, seen_later = _cost(fresh_home, lambda: _redeem(gu, fresh_home))

    assert (first, later) == (201, 201)
    assert len(seen) <= REDEMPTION_MAX, seen
    assert len(seen_later) == len(seen)


def test_a_statement_costs_at_most_eight_and_does_not_grow(fresh_home: Neighbourhood) -> None:
    gu, charlie = fresh_home.caller("gu"), fresh_home.caller("charlie")

    def read() -> int:
        return charlie("GET", "/me/statement?book=points").status_code

    counts = []
    for history in (1, HISTORY_COUNT):
        for _ in range(history):
            _redeem(gu, fresh_home)
        status, seen = _cost(fresh_home, read)
        counts.append(len(seen))
        assert status == 200

    assert counts[0] == counts[1]
    assert counts[0] <= STATEMENT_MAX, seen
