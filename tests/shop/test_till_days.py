"""The till's day: opened, counted, closed, signed; a drawer that differs says so with a reason."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from ledger import clock, verification
from ledger.errors import Refusal
from ledger.findings import Finding
from tests.shop.drawers import FLOAT, close_till, counted, fill_safe, open_till, second_clerk
from tests.shop.makers import NOON, World, fresh, make_world
from timebank import chart
from timebank.actors import Role
from timebank.insight.provenance import PASSES
from timebank.shop import cash, till_days
from timebank.shop.drawers import drawer_fen, held_fen
from timebank.shop.till_days import Counting
from timebank.shop.till_standing import find_current, list_days

TOMORROW = NOON + timedelta(days=1)


def findings(session: Session, world: World) -> list[Finding]:
    """Return what verification finds, the points given to Alice without a service left out."""
    community_id = world.community.community_id
    session.expire_all()  # counters are raised behind the session's back
    found = [finding for check in PASSES for finding in check(session, community_id)]
    own = [finding for finding in found if not finding.message.startswith("transfer moves")]
    return [*own, *verification.verify(session)]


def code_of(refused: pytest.ExceptionInfo[Refusal]) -> str:
    return refused.value.code


def test_a_till_opens_with_what_was_counted_and_the_rest_comes_from_the_safe(
    session: Session, world: World
) -> None:
    opened = open_till(session, world)

    assert opened.is_open
    assert opened.opened_by == "克拉拉"
    assert drawer_fen(session, world.clerk, 1) == FLOAT
    assert held_fen(session, world.clerk, chart.SAFE) == 100_000 - FLOAT
    assert till_days.require_open(session, world.clerk, 1).id == opened.day.id
    assert findings(session, world) == []


def test_a_till_opens_with_nothing_in_it(session: Session, world: World) -> None:
    opened = open_till(session, world, float_fen=0)

    assert opened.day.transaction_id is None
    assert till_days.require_open(session, world.clerk, 1).float_fen == 0


def test_a_float_beyond_the_safe_is_refused_with_both_amounts(
    session: Session, world: World
) -> None:
    fill_safe(session, world, 10_000)

    with pytest.raises(Refusal) as refused:
        till_days.open_day(session, world.clerk, till_number=1, counting=counted(10_001))

    assert code_of(refused) == "cash_short"
    assert refused.value.details == {"needed": "100.01", "available": "100.00"}
    assert drawer_fen(session, world.clerk, 1) == 0


def test_a_day_closes_without_a_difference_and_its_takings_lie_in_the_safe(
    session: Session, world: World
) -> None:
    opened = open_till(session, world)

    closed = close_till(session, world, opened, counted(FLOAT, left_fen=5_000))

    assert closed.closing is not None
    assert (closed.closing.expected_fen, closed.closing.difference_fen) == (FLOAT, 0)
    assert drawer_fen(session, world.clerk, 1) == 5_000
    assert held_fen(session, world.clerk, chart.SAFE) == 95_000
    assert findings(session, world) == []


@pytest.mark.parametrize("difference_fen", [-1, 1, -FLOAT])
def test_a_difference_is_told_first_and_posted_with_its_reason(
    session: Session, world: World, difference_fen: int
) -> None:
    opened = open_till(session, world)
    nonce = fresh()
    there = cash.fewest_pieces(FLOAT + difference_fen)

    with pytest.raises(Refusal) as refused:
        close_till(session, world, opened, Counting(nonce, there))
    stated = Counting(nonce, there, difference_fen=difference_fen, reason="找零多给了")
    closed = close_till(session, world, opened, stated)

    assert code_of(refused) == "drawer_differs"
    assert refused.value.details["difference_fen"] == difference_fen
    assert closed.closing is not None
    assert closed.closing.difference_reason == "找零多给了"
    assert held_fen(session, world.clerk, chart.CASH_DIFFERENCES) == -difference_fen
    assert drawer_fen(session, world.clerk, 1) == 0
    assert findings(session, world) == []


@pytest.mark.parametrize("reason", ["", "  ", "长" * 201])
def test_a_difference_without_a_reason_closes_nothing(
    session: Session, world: World, reason: str
) -> None:
    opened = open_till(session, world)

    with pytest.raises(Refusal) as refused:
        close_till(session, world, opened, counted(FLOAT - 1, difference_fen=-1, reason=reason))

    assert code_of(refused) == "difference_reason_invalid"
    assert find_current(session, world.clerk, till_number=1) == opened


def test_a_difference_that_changed_since_it_was_told_is_told_anew(
    session: Session, world: World
) -> None:
    opened = open_till(session, world)
    stale = counted(FLOAT - 700, difference_fen=-200, reason="少了")

    with pytest.raises(Refusal) as refused:
        close_till(session, world, opened, stale)

    assert code_of(refused) == "drawer_differs"
    assert refused.value.details["difference_fen"] == -700


@pytest.mark.parametrize(
    "count", [{"yuan_1": -1}, {"yuan_1": 10_000}, {"yuan_3": 1}], ids=["below", "above", "no note"]
)
def test_a_count_that_cannot_be_is_refused(
    session: Session, world: World, count: dict[str, int]
) -> None:
    with pytest.raises(Refusal) as refused:
        till_days.open_day(session, world.clerk, till_number=1, counting=Counting(fresh(), count))

    assert code_of(refused) == "cash_count_invalid"


@pytest.mark.parametrize("left_fen", [-1, FLOAT + 1])
def test_no_more_stays_in_the_drawer_than_lies_in_it(
    session: Session, world: World, left_fen: int
) -> None:
    opened = open_till(session, world)

    with pytest.raises(Refusal) as refused:
        close_till(session, world, opened, counted(FLOAT, left_fen=left_fen))

    assert code_of(refused) == "left_invalid"


@pytest.mark.parametrize("till_number", [0, 10])
def test_a_till_has_a_number_from_one_to_nine(
    session: Session, world: World, till_number: int
) -> None:
    with pytest.raises(Refusal) as refused:
        till_days.open_day(session, world.clerk, till_number=till_number, counting=counted(0))

    assert code_of(refused) == "till_invalid"


def test_cash_needs_an_open_day_and_points_only_one_that_is_not_closed(
    session: Session, world: World
) -> None:
    with pytest.raises(Refusal) as not_open:
        till_days.require_open(session, world.clerk, 1)
    till_days.refuse_closed(session, world.clerk, 1)
    opened = open_till(session, world)
    close_till(session, world, opened, counted(FLOAT))
    with pytest.raises(Refusal) as closed:
        till_days.require_open(session, world.clerk, 1)
    with pytest.raises(Refusal) as points:
        till_days.refuse_closed(session, world.clerk, 1)
    till_days.refuse_closed(session, world.clerk, 2)

    assert code_of(not_open) == "till_not_open"
    assert (code_of(closed), code_of(points)) == ("till_closed", "till_closed")
    assert closed.value.details == {
        "till_number": 1,
        "closed_at": "2026-11-20 12:00",
        "name": "克拉拉",
    }


def test_two_tills_have_two_drawers(session: Session, world: World) -> None:
    first = open_till(session, world)
    second = open_till(session, world, till_number=2, float_fen=3_000)
    close_till(session, world, first, counted(FLOAT))

    assert till_days.require_open(session, world.clerk, 2).id == second.day.id
    assert drawer_fen(session, world.clerk, 2) == 3_000
    listed = list_days(session, world.pricer, limit=9)
    assert [each for each in listed if each.closing is None] == [second]


def test_a_day_is_opened_once_and_says_by_whom(session: Session, world: World) -> None:
    open_till(session, world)
    other = second_clerk(session, world)

    with pytest.raises(Refusal) as refused:
        till_days.open_day(session, other, till_number=1, counting=counted(FLOAT))

    assert (code_of(refused), refused.value.details["name"]) == ("till_open", "克拉拉")


def test_a_closed_day_is_not_opened_again(session: Session, world: World) -> None:
    close_till(session, world, open_till(session, world), counted(FLOAT))

    with pytest.raises(Refusal) as refused:
        till_days.open_day(session, world.clerk, till_number=1, counting=counted(0))

    assert code_of(refused) == "till_closed"


def test_the_second_of_two_closings_is_told_by_whom_and_when(
    session: Session, world: World
) -> None:
    opened = open_till(session, world)
    close_till(session, world, opened, counted(FLOAT))
    other = second_clerk(session, world)

    with pytest.raises(Refusal) as refused:
        till_days.close_day(session, other, day_id=opened.day.id, counting=counted(FLOAT))

    assert code_of(refused) == "till_closed"
    assert refused.value.details["name"] == "克拉拉"


def test_the_same_form_sent_twice_counts_once(session: Session, world: World) -> None:
    fill_safe(session, world)
    opening, closing = counted(FLOAT), counted(FLOAT, left_fen=1_000)

    opened, again = (
        till_days.open_day(session, world.clerk, till_number=1, counting=opening) for _ in range(2)
    )
    closed, closed_again = (close_till(session, world, opened, closing) for _ in range(2))

    assert again == opened
    assert closed_again == closed
    assert drawer_fen(session, world.clerk, 1) == 1_000


def test_another_count_under_the_same_nonce_is_refused(session: Session, world: World) -> None:
    fill_safe(session, world)
    opening, closing = counted(FLOAT), counted(FLOAT)
    opened = till_days.open_day(session, world.clerk, till_number=1, counting=opening)

    with pytest.raises(Refusal) as reopened:
        till_days.open_day(
            session, world.clerk, till_number=1, counting=counted(1, nonce=opening.nonce)
        )
    close_till(session, world, opened, closing)
    with pytest.raises(Refusal) as reclosed:
        close_till(session, world, opened, counted(1, nonce=closing.nonce))

    assert (code_of(reopened), code_of(reclosed)) == ("nonce_reused", "nonce_reused")


def test_a_day_left_open_is_closed_first_and_dated_to_itself(
    session: Session, world: World
) -> None:
    opened = open_till(session, world)

    with clock.at(TOMORROW):
        with pytest.raises(Refusal) as sale:
            till_days.require_open(session, world.clerk, 1)
        with pytest.raises(Refusal) as opening:
            till_days.open_day(session, world.clerk, till_number=1, counting=counted(FLOAT))
        current = find_current(session, world.clerk, till_number=1)
        closed = close_till(session, world, opened, counted(FLOAT, left_fen=FLOAT))
        reopened = till_days.open_day(session, world.clerk, till_number=1, counting=counted(FLOAT))

    assert (code_of(sale), code_of(opening)) == ("till_left_open", "till_left_open")
    assert sale.value.details["day_on"] == "2026-11-20"
    assert current == opened
    assert closed.day.day_on.isoformat() == "2026-11-20"
    assert (reopened.day.left_fen, reopened.day.from_safe_fen) == (FLOAT, 0)
    assert list_days(session, world.pricer, limit=5) == [reopened, closed]
    assert findings(session, world) == []


def test_money_missing_in_the_morning_is_stated_with_its_reason(
    session: Session, world: World
) -> None:
    close_till(session, world, open_till(session, world), counted(FLOAT, left_fen=FLOAT))
    short = cash.fewest_pieces(FLOAT - 500)

    with clock.at(TOMORROW):
        with pytest.raises(Refusal) as refused:
            till_days.open_day(
                session, world.clerk, till_number=1, counting=Counting(fresh(), short)
            )
        stated = Counting(fresh(), short, difference_fen=-500, reason="早上少了五元")
        opened = till_days.open_day(session, world.clerk, till_number=1, counting=stated)

    assert code_of(refused) == "drawer_differs"
    assert opened.day.difference_fen == -500
    assert held_fen(session, world.clerk, chart.CASH_DIFFERENCES) == 500
    assert findings(session, world) == []


def test_a_closed_day_is_signed_by_somebody_else(session: Session, world: World) -> None:
    opened = open_till(session, world)
    with pytest.raises(Refusal) as still_open:
        till_days.sign_day(session, world.pricer, day_id=opened.day.id)
    close_till(session, world, opened, counted(FLOAT))
    with pytest.raises(Refusal) as own:
        till_days.sign_day(session, world.clerk, day_id=opened.day.id)
    signed = till_days.sign_day(session, world.pricer, day_id=opened.day.id)
    again = till_days.sign_day(session, world.pricer, day_id=opened.day.id)
    with pytest.raises(Refusal) as third:
        till_days.sign_day(session, second_clerk(session, world), day_id=opened.day.id)

    assert code_of(still_open) == "till_still_open"
    assert (code_of(own), own.value.status) == ("signer_closed", 403)
    assert signed.signed_by == "文"
    assert again == signed
    assert code_of(third) == "already_signed"
    assert findings(session, world) == []


@pytest.mark.parametrize("role", [Role.VOLUNTEER, Role.SOCIAL_WORKER, Role.LEADER])
def test_only_a_clerk_opens_and_closes(session: Session, world: World, role: Role) -> None:
    opened = open_till(session, world)
    other = world.actor(world.wen, role)

    with pytest.raises(Refusal) as opening:
        till_days.open_day(session, other, till_number=2, counting=counted(0))
    with pytest.raises(Refusal) as closing:
        till_days.close_day(session, other, day_id=opened.day.id, counting=counted(FLOAT))

    assert (code_of(opening), code_of(closing)) == ("not_allowed", "not_allowed")


def test_a_day_of_another_community_is_not_there(session: Session, world: World) -> None:
    opened = open_till(session, world)
    stranger = make_world(session, code="E")

    with pytest.raises(Refusal) as refused:
        till_days.close_day(session, stranger.clerk, day_id=opened.day.id, counting=counted(FLOAT))

    assert code_of(refused) == "till_day_not_found"
