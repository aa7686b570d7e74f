"""Rules of earning as places have published them: each is a points rule, without code."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.rewards.test_awards import _points, _stay
from timebank.contributions import Category, Provenance
from timebank.rewards.awards import Before
from timebank.rewards.rules import read_rule

SCANNED = ["self_scanned", "leader_scanned"]
BLOOD, LECTURE = UUID(int=7), UUID(int=8)
STREETS, TALKS, CHECKS = Category.ENVIRONMENT, Category.OUTREACH, Category.SAFETY


def _rule(points_per_hour: int, **changes: Any) -> dict[str, Any]:
    plain = {"daily_minutes_max": 1_440, "points_by_provenance": SCANNED}
    return {"points_per_hour": points_per_hour, **plain, **changes}


AN_HOUR = _rule(1)
BY_KIND = _rule(5, points_per_hour_by_category={"safety": 10})
WITH_BLOOD = _rule(
    1,
    points_per_hour_by_place={str(BLOOD): 0},
    points_per_attendance_by_place={str(BLOOD): 4},
)
BY_SERVICE = _rule(0, points_per_attendance=1)
BY_EVENT = _rule(
    0,
    points_per_attendance_by_category={"environment": 5, "outreach": 3},
    points_per_attendance_by_place={str(LECTURE): 2},
)
NO_MORE_THAN = _rule(1, daily_points_max=2, total_points_max=600)


@pytest.mark.parametrize(
    ("place", "document", "hours", "changes", "before", "points"),
    [
        ("黄石", AN_HOUR, 3, {}, Before(), 3),
        ("黄石", AN_HOUR, 3, {"provenance": Provenance.BACK_FILLED}, Before(), 0),
        ("海林", _rule(1, attendance_minutes_max=120), 5, {}, Before(), 2),
        ("吴江", BY_KIND, 2, {"category": TALKS}, Before(), 10),
        ("吴江", BY_KIND, 2, {"category": CHECKS}, Before(), 20),
        ("公益时", WITH_BLOOD, 2, {}, Before(), 2),
        ("公益时", WITH_BLOOD, 2, {"site_id": BLOOD}, Before(), 4),
        ("西湖", BY_SERVICE, 5, {}, Before(), 1),
        ("德州东风社区", BY_EVENT, 1, {"category": STREETS}, Before(), 5),
        ("德州东风社区", BY_EVENT, 2, {"category": TALKS}, Before(), 3),
        ("德州东风社区", BY_EVENT, 2, {"category": TALKS, "series_id": LECTURE}, Before(), 2),
        ("连云港江化社区", AN_HOUR, 8, {}, Before(), 8),
        ("长宁", NO_MORE_THAN, 5, {}, Before(), 2),
        ("长宁", NO_MORE_THAN, 5, {}, Before(day_points=1), 1),
        ("长宁", NO_MORE_THAN, 5, {}, Before(total_points=599), 1),
        ("苏州", _rule(10, points_per_hour_by_category={"safety": 15}), 2, {}, Before(), 30),
    ],
)
def test_a_published_rule_gives_what_it_says(
    place: str,
    document: dict[str, Any],
    hours: int,
    changes: dict[str, Any],
    before: Before,
    points: int,
) -> None:
    none = _stay("08:00", "08:00", **{"series_id": None, **changes})
    of = replace(none, end=none.begin + timedelta(hours=hours))

    assert _points(read_rule(document), of, before) == points, place
