"""The document of a points rule: what is refused, and that older documents mean what they meant."""

from typing import Any

import pytest

from timebank.contributions import Category, Provenance
from timebank.rewards.rules import (
    FIRST_RULE,
    ONE,
    Rate,
    Rule,
    WindowsOverlap,
    WrongRule,
    read_rule,
)
from timebank.rewards.windows import Window

SITE, SERIES = "0198f000-0000-7000-8000-000000000001", "0198f000-0000-7000-8000-000000000002"
NIGHT = {"begin": "22:00", "end": "06:00", "factor": 150}
FULL = Rule(
    points_per_hour=2,
    points_per_hour_by_category={"safety": 5},
    daily_minutes_max=480,
    points_by_provenance=frozenset(Provenance),
    points_per_hour_by_place={SITE: 3},
    points_per_attendance=1,
    points_per_attendance_by_category={"outreach": 2},
    points_per_attendance_by_place={SERIES: 4},
    factors_by_category={"safety": 120},
    factors_by_place={SERIES: 200},
    factors_by_provenance={"back_filled": 50},
    windows=(Window("22:00", "06:00", 150), Window("06:00", "08:00", 125)),
    attendance_minutes_max=120,
    daily_points_max=20,
    monthly_points_max=200,
    total_points_max=600,
)


@pytest.mark.parametrize("rule", [FIRST_RULE, FULL])
def test_a_rule_is_read_as_it_was_written(rule: Rule) -> None:
    assert read_rule(rule.document()) == rule


def test_a_document_of_four_fields_means_what_it_meant() -> None:
    old = {
        "points_per_hour": 2,
        "points_per_hour_by_category": {"safety": 3},
        "daily_minutes_max": 480,
        "points_by_provenance": ["self_scanned"],
    }

    rule = read_rule(old)

    assert rule == Rule(2, {"safety": 3}, 480, frozenset({"self_scanned"}))
    assert rule.is_plain
    assert not FULL.is_plain


def test_series_goes_before_site_and_site_before_category() -> None:
    site, series = sorted(FULL.places)

    elsewhere = FULL.rate(Category.SAFETY, series, None)
    at_site = FULL.rate(Category.SAFETY, site, None)
    of_series = FULL.rate(Category.OUTREACH, site, series)

    assert elsewhere == Rate(5, 4, 200)
    assert at_site == Rate(3, 1, 120)
    assert of_series == Rate(3, 4, 200)
    assert FIRST_RULE.rate(Category.SAFETY, site, series) == Rate(2, 0, ONE)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"points_per_hour": -1}, "points_per_hour"),
        ({"points_per_hour": 61}, "points_per_hour"),
        ({"points_per_hour": 1.5}, "points_per_hour"),
        ({"points_per_hour": True}, "points_per_hour"),
        ({"points_per_hour": "３"}, "points_per_hour"),
        ({"daily_minutes_max": 0}, "daily_minutes_max"),
        ({"daily_minutes_max": 1_441}, "daily_minutes_max"),
        ({"points_by_provenance": ["guessed"]}, "points_by_provenance"),
        ({"points_by_provenance": "self_scanned"}, "points_by_provenance"),
        ({"points_by_provenance": [[]]}, "points_by_provenance"),
        ({"points_per_hour_by_category": {"cooking": 1}}, "points_per_hour_by_category"),
        ({"points_per_hour_by_category": {"safety": 99}}, "safety"),
        ({"points_per_hour_by_category": []}, "points_per_hour_by_category"),
        ({"bonus": 1}, "bonus"),
        ({"points_per_attendance": 101}, "points_per_attendance"),
        ({"points_per_attendance_by_category": {"safety": -1}}, "safety"),
        ({"points_per_hour_by_place": {"somewhere": 1}}, "points_per_hour_by_place"),
        ({"points_per_hour_by_place": {SITE.upper(): 1}}, "points_per_hour_by_place"),
        ({"factors_by_category": {"safety": 0}}, "safety"),
        ({"factors_by_category": {"safety": -150}}, "safety"),
        ({"factors_by_category": {"safety": 1_000}}, "safety"),
        ({"factors_by_place": {SITE: 1.5}}, SITE),
        ({"factors_by_provenance": {"guessed": 100}}, "factors_by_provenance"),
        ({"windows": [{**NIGHT, "factor": 0}]}, "factor"),
        ({"windows": [{**NIGHT, "factor": 1_000}]}, "factor"),
        ({"windows": [{**NIGHT, "end": "22:00"}]}, "windows"),
        ({"windows": [{**NIGHT, "end": "24:00"}]}, "windows"),
        ({"windows": [{**NIGHT, "begin": "9:00"}]}, "windows"),
        ({"windows": [{"begin": "22:00", "end": "06:00"}]}, "windows"),
        ({"windows": [NIGHT] * 7}, "windows"),
        ({"windows": NIGHT}, "windows"),
        ({"attendance_minutes_max": 0}, "attendance_minutes_max"),
        ({"daily_points_max": 0}, "daily_points_max"),
        ({"monthly_points_max": -5}, "monthly_points_max"),
        ({"total_points_max": 100_001}, "total_points_max"),
    ],
)
def test_a_wrong_rule_names_its_field(change: dict[str, Any], field: str) -> None:
    document = {**FIRST_RULE.document(), **change}

    with pytest.raises(WrongRule) as refused:
        read_rule(document)
    assert refused.value.details["field"] == field


@pytest.mark.parametrize(
    ("begin", "end", "is_refused"),
    [
        ("21:00", "22:01", True),
        ("05:59", "07:00", True),
        ("23:00", "01:00", True),
        ("00:00", "00:01", True),
        ("12:00", "23:00", True),
        ("06:00", "22:00", False),
    ],
)
def test_windows_share_no_minute(begin: str, end: str, is_refused: bool) -> None:
    windows = [NIGHT, {"begin": begin, "end": end, "factor": 120}]
    document = {**FIRST_RULE.document(), "windows": windows}

    if is_refused:
        with pytest.raises(WindowsOverlap, match=begin):
            read_rule(document)
    else:
        assert len(read_rule(document).windows) == 2


def test_a_rule_is_an_object() -> None:
    with pytest.raises(WrongRule):
        read_rule([1, 2, 3])
