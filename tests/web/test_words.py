"""How figures, dates and durations are said in both languages."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

import pytest
from flask import Flask, render_template_string

from ledger import clock
from web import i18n, service_words

NOON_UTC = datetime(2026, 11, 9, 0, 58, tzinfo=UTC)
"""8:58 in Shanghai."""


@contextmanager
def _reading(app: Flask, language: str) -> Iterator[None]:
    with app.test_request_context(headers={"Cookie": f"locale={language}"}), clock.at(NOON_UTC):
        yield


@pytest.mark.parametrize(
    ("minutes", "chinese", "english"),
    [
        (0, "0 分钟", "0 min"),
        (45, "45 分钟", "45 min"),
        (60, "1 小时", "1 h"),
        (200, "3 小时 20 分钟", "3 h 20 min"),
        (600_000, "10,000 小时", "10,000 h"),
        (-90, "−1 小时 30 分钟", "−1 h 30 min"),
    ],
)
def test_minutes_are_said_as_hours_and_minutes(
    app: Flask, minutes: int, chinese: str, english: str
) -> None:
    with _reading(app, "zh"):
        assert i18n.duration(minutes) == chinese
    with _reading(app, "en"):
        assert i18n.duration(minutes) == english


@pytest.mark.parametrize(
    ("number", "chinese", "english"),
    [(1, "1 积分", "1 point"), (35, "35 积分", "35 points"), (-20, "−20 积分", "−20 points")],
)
def test_points_stand_under_their_word(app: Flask, number: int, chinese: str, english: str) -> None:
    with _reading(app, "zh"):
        assert i18n.points(number) == chinese
    with _reading(app, "en"):
        assert i18n.points(number) == english


def test_signs_and_commas() -> None:
    assert [i18n.signed(number) for number in (0, 5, -5, 9_999, 10_000, -12_345)] == [
        "0",
        "+5",
        "−5",
        "+9999",
        "+10,000",
        "−12,345",
    ]


def test_dates_are_those_of_the_community(app: Flask) -> None:
    late = datetime(2026, 11, 9, 16, 30, tzinfo=UTC)

    with _reading(app, "zh"):
        chinese = [i18n.day(late), i18n.moment(NOON_UTC), i18n.full_day(late), i18n.month(late)]
    with _reading(app, "en"):
        english = [i18n.day(late), i18n.moment(NOON_UTC), i18n.full_day(late), i18n.month(late)]

    assert chinese == ["11月10日 周二", "11月9日 周一 8:58", "2026年11月10日", "11月"]
    assert english == ["Tue 10 Nov", "Mon 9 Nov 8:58", "10 Nov 2026", "Nov"]


def test_another_year_is_named(app: Flask) -> None:
    with _reading(app, "zh"):
        assert i18n.day(date(2025, 3, 1)) == "2025年3月1日 周六"
        assert i18n.month(date(2025, 3, 1)) == "2025年3月"
    with _reading(app, "en"):
        assert i18n.month(date(2025, 3, 1)) == "Mar 2025"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("2026-11-09 18:00", "11月9日 周一 18:00"),
        ("2025-11-09", "2025年11月9日 周日"),
        ("2026-02-31", "2026-02-31"),
        ("8:58", "8:58"),
        (7, "7"),
    ],
)
def test_dates_in_a_message_are_written_out(app: Flask, value: object, words: str) -> None:
    with _reading(app, "zh"):
        assert i18n.say("%(closes)s", {"closes": value}) == words


def test_a_range_of_times(app: Flask) -> None:
    with _reading(app, "zh"):
        end = datetime(2026, 11, 9, 3, 30, tzinfo=UTC)

        assert i18n.time_range(NOON_UTC, end) == "8:58–11:30"


@pytest.mark.parametrize(
    ("count", "chinese", "english"),
    [
        (0, "还剩 0 个名额", "0 places free"),
        (1, "还剩 1 个名额", "1 place free"),
        (2, "还剩 2 个名额", "2 places free"),
    ],
)
def test_one_is_not_said_as_several(app: Flask, count: int, chinese: str, english: str) -> None:
    sentences = "%(count)s place free", "%(count)s places free"
    in_template = "{{ ngettext('%(count)s place free', '%(count)s places free', n, count=n) }}"

    with _reading(app, "zh"):
        assert i18n.ngettext(*sentences, count, count=count) == chinese
        assert render_template_string(in_template, n=count) == chinese
    with _reading(app, "en"):
        assert i18n.ngettext(*sentences, count, count=count) == english
        assert render_template_string(in_template, n=count) == english


@pytest.mark.parametrize(
    ("rule", "chinese", "english"),
    [
        ("FREQ=MONTHLY;BYMONTHDAY=9", "每月9日", "every month on the 9th"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,22", "每月1日、22日", "every month on the 1st, the 22nd"),
        ("FREQ=MONTHLY;BYMONTHDAY=13", "每月13日", "every month on the 13th"),
        ("FREQ=MONTHLY;BYDAY=2SA", "每月第二个周六", "every month on the second Sat"),
        ("FREQ=WEEKLY;BYDAY=MO,WE", "每周的周一、周三", "every week on Mon, Wed"),
    ],
)
def test_a_repetition_is_said_in_words(app: Flask, rule: str, chinese: str, english: str) -> None:
    with _reading(app, "zh"):
        assert service_words.recurrence(rule) == chinese
    with _reading(app, "en"):
        assert service_words.recurrence(rule) == english
