"""The calendar for everybody, and the pages on which days, places and series are changed."""

import re
from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from ledger import clock
from ledger.database import Database
from ledger.ids import new_id
from tests.makers import make_community
from tests.statements import counted
from tests.visitors import send
from tests.web.service_pages import DAY, TITLE, Day, at, make_day
from timebank.actors import Actor
from timebank.contributions import Category
from timebank.messages.models import MailAddress, Message
from timebank.service import changes, occasions, repeating, signup
from timebank.service.models import Occasion, OccasionKind, OccasionStatus, Series, Slot
from timebank.service.occasions import Activity, SlotPlan

pytestmark = pytest.mark.databases("sqlite")

NOW = at("10:00", date(2026, 11, 2))
NASTY = "读书, 写字; 𠮷<script>alert(1)</script>"
CALENDAR = "/calendar/D/"
FEED = "/calendar/D/services.ics"
MANY = 2_000


@pytest.fixture
def day(app: Flask, database: Database) -> Iterator[Day]:
    with clock.at(NOW):
        yield make_day(app, database)


def _text(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, (path, answer.status_code)
    return answer.get_data(as_text=True)


def _unfolded(text: str) -> list[str]:
    return text.replace("\r\n ", "").split("\r\n")


def _system(day: Day) -> Actor:
    return Actor.system(day.people["bob"].community_id, "test")


def _activity(day: Day, title: str = TITLE) -> Activity:
    return Activity(
        day.site_id, day.people["bob"].id, title, Category.OUTREACH, OccasionKind.TRAINING
    )


def _fill(day: Day) -> None:
    """Let the service day have one place, which Charlie has."""
    with day.database.begin() as session:
        changes.set_capacity(session, _system(day), slot_id=day.slot_id, capacity=1)


def _occasion(day: Day) -> Occasion:
    with day.database.reading() as session:
        return session.scalars(sa.select(Occasion).where(Occasion.id == day.occasion_id)).one()


# ---------------------------------------------------------------- for everybody


def test_anybody_sees_what_is_on_and_nobodys_name(day: Day, client: FlaskClient) -> None:
    page, feed = _text(client, CALENDAR), _text(client, FEED)

    assert TITLE in page
    assert "幸福路菜市场 东门" in page
    for text in (page, feed):
        assert not any(member.name in text for member in day.people.values())


def test_the_feed_follows_what_is_moved_and_called_off(day: Day, client: FlaskClient) -> None:
    before = _unfolded(_text(client, FEED))
    with day.database.begin() as session:
        changes.cancel_occasion(
            session, _system(day), occasion_id=day.occasion_id, reason="覃志远 生病"
        )
    after = _unfolded(_text(client, FEED))

    uid = f"UID:{day.occasion_id}@timebank"
    assert {uid, "SEQUENCE:0", "STATUS:CONFIRMED", "DTSTART:20261109T010000Z"} <= set(before)
    assert {uid, "SEQUENCE:1", "STATUS:CANCELLED"} <= set(after)
    assert "生病" not in "".join(after)
    assert "已取消" in _text(client, CALENDAR)


def test_a_title_is_escaped_on_the_page_and_in_the_feed(day: Day, client: FlaskClient) -> None:
    with day.database.begin() as session:
        occasions.create_occasion(
            session,
            _system(day),
            activity=_activity(day, NASTY),
            occurs_on=DAY,
            slots=[SlotPlan("14:00", "15:00", 5)],
        )

    page, lines = _text(client, CALENDAR), _unfolded(_text(client, FEED))

    assert "<script>alert" not in page
    assert "读书, 写字; 𠮷&lt;script&gt;" in page
    assert r"SUMMARY:读书\, 写字\; 𠮷<script>alert(1)</script>" in lines
    assert "CATEGORIES:培训" in lines


def test_a_feed_is_a_calendar_file(day: Day, client: FlaskClient) -> None:
    answer = client.get(FEED)

    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'inline; filename="D.ics"'
    assert max(len(line) for line in answer.data.split(b"\r\n")) <= 75


def test_an_empty_calendar_says_so(client: FlaskClient, database: Database) -> None:
    with database.begin() as session:
        make_community(session)

    assert "这个月还没有安排" in _text(client, CALENDAR)
    assert _unfolded(_text(client, FEED))[-2] == "END:VCALENDAR"


def test_two_thousand_occasions_cost_as_many_statements_as_one(
    day: Day, client: FlaskClient
) -> None:
    counts = []
    for path in (CALENDAR, FEED):
        with counted() as few:
            client.get(path)
        counts.append(len(few))
    _many(day)
    for number, path in enumerate((CALENDAR, FEED)):
        with counted() as statements:
            text = _text(client, path)
        assert len(statements) == counts[number]
        assert text.count("值守") == MANY


def _many(day: Day) -> None:
    """Copy the service day to two thousand, on its own day."""
    with day.database.begin() as session:
        model = session.get_one(Occasion, (day.people["bob"].community_id, day.occasion_id))
        kept = {
            column.name: getattr(model, column.key)
            for column in sa.inspect(Occasion).columns
            if column.name not in {"id", "short_code", "title"}
        }
        session.execute(
            sa.insert(Occasion),
            [
                {**kept, "id": new_id(), "short_code": f"D-{number:06}", "title": f"值守{number}"}
                for number in range(MANY)
            ],
        )


@pytest.mark.parametrize("month", ["2026-13", "x", "0001-01", "9999-12", "2026-11-09", ""])
def test_a_month_that_is_none_shows_the_present_one(
    day: Day, client: FlaskClient, month: str
) -> None:
    page = _text(client, f"{CALENDAR}?month={month}")

    assert "11月" in page
    assert ("没有" in page) is bool(month)


def test_an_unknown_community_has_no_calendar(day: Day, client: FlaskClient) -> None:
    for path in ("/calendar/X/", "/calendar/X/services.ics"):
        assert client.get(path).status_code == 404


# ---------------------------------------------------------------- waiting


def test_who_waits_gets_the_place_and_reads_it_in_the_inbox(day: Day) -> None:
    _fill(day)
    dora, charlie = day.browsers["dora"], day.browsers["charlie"]
    path = f"/me/days/{day.occasion_id}"
    full = _text(dora, path)
    send(dora, f"/me/days/wait/{day.slot_id}", {}, page=path)
    waiting = _text(dora, path)
    send(charlie, f"/me/days/{day.occasion_id}/withdraw", {}, page=path)
    placed, home, inbox = _text(dora, path), _text(dora, "/me/"), _text(dora, "/me/messages/")

    assert "候补" in full
    assert "候补中，排第 1 位" in waiting
    assert "您在名单上" in placed or "已报名" in placed
    assert re.search(r'class="count">1<', home)
    assert "空出的名额归您了" in inbox
    assert "11月9日 周一 9:00" in inbox


def test_a_wait_is_ended_by_a_button(day: Day) -> None:
    _fill(day)
    dora, path = day.browsers["dora"], f"/me/days/{day.occasion_id}"
    send(dora, f"/me/days/wait/{day.slot_id}", {}, page=path)

    answer = send(dora, f"/me/days/leave/{day.slot_id}", {}, page=path)

    assert answer.status_code == 302
    assert "候补中" not in _text(dora, path)


def test_messages_are_read_by_a_button_and_never_by_looking(day: Day) -> None:
    with day.database.begin() as session:
        changes.cancel_occasion(session, _system(day), occasion_id=day.occasion_id, reason="大雨")
    charlie = day.browsers["charlie"]
    first, second = _text(charlie, "/me/messages/"), _text(charlie, "/me/messages/")
    shown = re.search(r'name="up_to" value="([^"]+)"', second)
    assert shown is not None
    send(charlie, "/me/messages/read", {"up_to": shown[1]}, page="/me/messages/")

    assert "大雨" in first
    assert "我都看过了" in second
    assert "我都看过了" not in _text(charlie, "/me/messages/")
    assert 'class="count"' not in _text(charlie, "/me/")


def test_an_address_is_kept_corrected_and_forgotten(day: Day) -> None:
    charlie, path = day.browsers["charlie"], "/me/messages/mail"

    def sent(email: str) -> int:
        return send(charlie, path, {"email": email}, page=path).status_code

    statuses = [sent("charlie@example.org"), sent("nobody"), sent("")]

    assert statuses == [302, 422, 302]
    with day.database.reading() as session:
        assert session.scalars(sa.select(MailAddress)).all() == []


def test_the_inbox_does_not_grow_with_its_messages(day: Day) -> None:
    charlie, counts = day.browsers["charlie"], []
    for _ in range(2):
        with counted() as statements:
            _text(charlie, "/me/messages/")
        counts.append(len(statements))
        with day.database.begin() as session:
            changes.cancel_occasion(
                session, _system(day), occasion_id=day.occasion_id, reason="大雨"
            )

    assert counts[0] == counts[1]


# ---------------------------------------------------------------- the desk


def test_the_desk_moves_a_day_and_everybody_is_told(day: Day) -> None:
    alice, page = day.browsers["alice"], f"/desk/days/{day.occasion_id}/change"
    taken = send(
        alice,
        f"/desk/days/{day.occasion_id}/move",
        {"occurs_on": "2026-11-01", "start_time": "9:00"},
        page=page,
    )
    moved = send(
        alice,
        f"/desk/days/{day.occasion_id}/move",
        {"occurs_on": "2026-11-12", "start_time": "14:00"},
        page=page,
    )

    assert (taken.status_code, moved.status_code) == (422, 302)
    assert _occasion(day).occurs_on == date(2026, 11, 12)
    assert "从 11月9日 周一 9:00 改到 11月12日 周四 14:00" in _text(
        day.browsers["charlie"], "/me/messages/"
    )


def test_the_desk_gives_more_places_but_not_fewer_than_taken(day: Day) -> None:
    with day.database.begin() as session:
        signup.sign_up(session, _system(day), slot_id=day.slot_id, member_id=day.people["dora"].id)
    alice, page = day.browsers["alice"], f"/desk/days/{day.occasion_id}/change"
    path = f"/desk/days/{day.occasion_id}/places/{day.slot_id}"

    statuses = [
        send(alice, path, {"capacity": given}, page=page).status_code
        for given in ("20", "1", "0", "x")
    ]

    assert statuses == [302, 409, 422, 422]
    with day.database.reading() as session:
        assert session.scalars(sa.select(Slot.capacity)).one() == 20


def test_the_desk_adds_a_day_and_ends_the_series(day: Day) -> None:
    with day.database.begin() as session:
        series: Series = repeating.create_series(
            session,
            _system(day),
            activity=_activity(day, "夜间巡逻"),
            rule="FREQ=MONTHLY;BYMONTHDAY=20",
            starts_on=date(2026, 11, 1),
            slot=SlotPlan("19:00", "21:00", 5),
        )
        repeating.plan_series(session, _system(day), series_id=series.id, until=date(2026, 12, 31))
        series_id = series.id
    alice, page = day.browsers["alice"], f"/desk/days/series/{series_id}"
    added = send(alice, f"{page}/days", {"occurs_on": "2026-11-22"}, page=page)
    twice = send(alice, f"{page}/days", {"occurs_on": "2026-11-22"}, page=page)
    nameless = send(alice, f"{page}/end", {"from_on": "2026-11-21", "reason": ""}, page=page)
    end = {"from_on": "2026-11-21", "reason": "换人"}
    asked = send(alice, f"{page}/end", end, page=page)
    ended = send(alice, f"{page}/end", {**end, "days": "2"}, page=page)

    statuses = [added.status_code, twice.status_code, nameless.status_code, ended.status_code]
    assert statuses == [302, 422, 422, 302]
    assert (asked.status_code, "取消 2 个已安排的服务日" in asked.get_data(as_text=True)) == (
        200,
        True,
    )
    assert "从 2026年11月21日 起不再举行" in _text(alice, page)
    with day.database.reading() as session:
        of_series = sa.select(Occasion.occurs_on, Occasion.status).where(
            Occasion.series_id == series_id
        )
        found = dict(session.execute(of_series).all())
    assert found == {
        date(2026, 11, 20): OccasionStatus.PLANNED,
        date(2026, 11, 22): OccasionStatus.CANCELLED,
        date(2026, 12, 20): OccasionStatus.CANCELLED,
    }


def test_a_volunteer_changes_nothing(day: Day) -> None:
    charlie = day.browsers["charlie"]

    answer = send(
        charlie,
        f"/desk/days/{day.occasion_id}/move",
        {"occurs_on": "2026-11-12", "start_time": "14:00"},
        page="/me/",
    )

    assert answer.status_code == 403
    with day.database.reading() as session:
        assert session.scalars(sa.select(Message)).all() == []
