"""How many statements a press of a button costs, and that no count grows with history."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from flask import Flask

from ledger import clock
from ledger.database import Database
from tests.statements import counted
from tests.web.service_pages import DAY, Day, at, make_day
from tests.web.test_volunteer_pages import _press
from timebank.actors import Actor, Role
from timebank.contributions import Category
from timebank.people.models import Member
from timebank.service import attendance, checkin, occasions, signup
from timebank.service.attendance import Mark, RowMark
from timebank.service.checkin import Press
from timebank.service.occasions import Activity, SlotPlan

CHECK_IN_MAX = 12
STATEMENT_MAX = 8
HISTORY_DAYS = 12


@pytest.fixture
def day(app: Flask, database: Database) -> Iterator[Day]:
    with clock.at(at("8:58")):
        yield make_day(app, database)


def _history(day: Day, days_ago: range) -> None:
    """Let Charlie serve on some days before the service day, scanned and confirmed by Bob."""
    charlie, bob = day.people["charlie"], day.people["bob"]
    leader = Actor(bob.community_id, bob.id, frozenset({Role.LEADER}))
    with day.database.begin() as session:
        for back in reversed(days_ago):
            _serve(session, day, leader, charlie, DAY - timedelta(days=back))


def _serve(session, day: Day, leader: Actor, charlie: Member, on: date) -> None:  # type: ignore[no-untyped-def]
    system = Actor.system(charlie.community_id, "test")
    with clock.at(at("7:00", on)):
        occasion = occasions.create_occasion(
            session,
            system,
            activity=Activity(day.site_id, leader.member_id, "巡查", Category.SAFETY),  # type: ignore[arg-type]
            occurs_on=on,
            slots=[SlotPlan("09:00", "10:00", 5)],
        )
    with clock.at(at("9:00", on)):
        checkin.scan_for(
            session,
            leader,
            occasion_id=occasion.id,
            member_id=charlie.id,
            press=Press(f"come-{occasion.id.hex}"),
        )
    with clock.at(at("10:10", on)):
        from timebank.service.roster import roster

        rows = roster(session, leader, occasion.id).rows
        attendance.confirm(
            session,
            leader,
            occasion_id=occasion.id,
            marks=[RowMark(row.row.id, Mark.PRESENT) for row in rows],
        )


@pytest.mark.databases("sqlite", "postgresql")
def test_a_check_in_costs_at_most_twelve_statements(day: Day) -> None:
    charlie = day.browsers["charlie"]
    fields = _press(charlie, charlie.get(day.code_path()).get_data(as_text=True))
    with counted() as statements:
        first = charlie.post("/me/check-in", data=fields)

    assert first.status_code == 201
    assert len(statements) <= CHECK_IN_MAX, statements


@pytest.mark.databases("sqlite", "postgresql")
def test_joining_on_the_spot_costs_at_most_twelve_statements(day: Day) -> None:
    dora = day.browsers["dora"]
    fields = _press(dora, dora.get(day.code_path()).get_data(as_text=True))
    with counted() as statements:
        joined = dora.post("/me/check-in", data=fields)

    assert joined.status_code == 201
    assert len(statements) <= CHECK_IN_MAX, statements


@pytest.mark.parametrize("path", ["/me/statement/time", "/me/statement/points"])
def test_a_statement_costs_at_most_eight_and_does_not_grow(day: Day, path: str) -> None:
    charlie = day.browsers["charlie"]
    counts = []
    for days_ago in (range(1, 2), range(2, HISTORY_DAYS)):
        _history(day, days_ago)
        with counted() as statements:
            page = charlie.get(path)
        counts.append(len(statements))
        assert page.status_code == 200

    assert counts[0] == counts[1]
    assert counts[1] <= STATEMENT_MAX, statements


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("charlie", "/me/"),
        ("charlie", "/me/days"),
        ("bob", "/lead/"),
        ("bob", "/lead/{occasion}/board"),
        ("bob", "/lead/{occasion}/confirm"),
        ("alice", "/desk/days/"),
        ("alice", "/desk/days/{occasion}"),
        ("charlie", "code"),
    ],
)
def test_no_page_grows_with_history(day: Day, who: str, path: str) -> None:
    browser, counts = day.browsers[who], []
    for days_ago in (range(1, 1), range(1, HISTORY_DAYS)):
        _history(day, days_ago)
        address = day.code_path() if path == "code" else path.format(occasion=day.occasion_id)
        with counted() as statements:
            page = browser.get(address)
        counts.append(len(statements))
        assert page.status_code == 200

    assert counts[1] <= counts[0] + 1
    assert counts[1] <= CHECK_IN_MAX


def test_signing_up_does_not_grow_with_history(day: Day) -> None:
    charlie = day.people["charlie"]
    system = Actor.system(charlie.community_id, "test")
    counts = []
    for days_ago in (range(1, 2), range(2, HISTORY_DAYS)):
        _history(day, days_ago)
        with clock.at(at("5:00")), day.database.begin() as session:
            with counted() as statements:
                signup.sign_up(
                    session, system, slot_id=day.slot_id, member_id=day.people["dora"].id
                )
            counts.append(len(statements))
            signup.withdraw(
                session, system, occasion_id=day.occasion_id, member_id=day.people["dora"].id
            )

    assert counts[1] <= counts[0] + 1
