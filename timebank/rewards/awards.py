"""What one stay is worth by a rule: the counted minutes, the points, and why.

Words: a *contribution* is one stay inside its slot; *before* is what the member's other stays have
had of the caps already; a *part* of an award is the time that had one factor.

Invariants: pure, so that verification, preview and correction come to what was awarded; integers
only, rounded once, down, at the very end; a minute of service counts as one minute whatever its
factor; where a cap leaves no room for all of a stay, its time with the highest factor counts first.
So points never fall when somebody comes earlier or stays longer, and a minute brings the rate times
its factors at most. What was confirmed first has had its room; no later stay takes from it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypedDict
from uuid import UUID

from timebank.contributions import Category, Provenance
from timebank.rewards.rules import ONE, Rule
from timebank.rewards.windows import seconds_by_window, whole_seconds

_SECONDS_PER_MINUTE: Final = 60
_SECONDS_PER_HOUR: Final = 3_600
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Contribution:
    """One stay inside its slot.

    Args:
        category, site_id, series_id: of its occasion.
        provenance: how it came to be known.
        begin, end: aware, clipped to the slot; at most a day apart.
        zone: of the community, for its windows.
    """

    category: Category
    site_id: UUID
    series_id: UUID | None
    provenance: Provenance
    begin: datetime
    end: datetime
    zone: str

    @property
    def minutes(self) -> int:
        """Return its whole minutes, rounded down; 0 if it lies outside its slot."""
        return max(0, (self.end - self.begin) // _MINUTE)


@dataclass(frozen=True, slots=True)
class Before:
    """What the member's other stays have had: minutes of the day; points by the caps' reach."""

    day_minutes: int = 0
    day_points: int = 0
    month_points: int = 0
    total_points: int = 0

    def asked_by(self, rule: Rule) -> "Before":
        """Return only what the caps of a rule ask for; the rest is zero."""
        return Before(
            self.day_minutes,
            self.day_points if rule.daily_points_max else 0,
            self.month_points if rule.monthly_points_max else 0,
            self.total_points if rule.total_points_max else 0,
        )


NOTHING_BEFORE: Final = Before()


class Part(TypedDict):
    """Seconds with one factor; begin and end of their window, None outside all windows."""

    begin: str | None
    end: str | None
    factor: int
    seconds: int


class Reason(TypedDict):
    """Why an award is what it is: what is stored with it and what a statement says in words.

    `due` is what the time is worth before the caps, `limit` the cap that took some of it.
    """

    counted_minutes: int
    earning_minutes: int
    points_per_hour: int
    points_per_attendance: int
    hardship: int
    provenance_factor: int
    parts: list[Part]
    before: Mapping[str, int]
    zone: str
    due: int
    limit: str | None
    points: int
    policy_version: int
    earns: bool


def counted_minutes(rule: Rule, of: Contribution, before: Before) -> int:
    """Return the minutes of service: those inside the slot that the daily cap has room for."""
    return max(0, min(of.minutes, rule.daily_minutes_max - before.day_minutes))


def award(
    rule: Rule, version: int, of: Contribution, counted: int, before: Before = NOTHING_BEFORE
) -> Reason:
    """Return the whole points of counted minutes, with everything that led to them.

    Args:
        rule: in force on the day of the service.
        version: its number.
        of: the stay.
        counted: what counts of its minutes.
        before: what the member's other stays have had.
    """
    assert 0 <= counted <= of.minutes, "counted minutes lie inside the stay"
    rate = rule.rate(of.category, of.site_id, of.series_id)
    earns = of.provenance.value in rule.points_by_provenance
    earning = min(counted, rule.attendance_minutes_max or counted) if earns else 0
    by_provenance = rule.factors_by_provenance.get(of.provenance.value, ONE)
    parts = _parts(rule, of, earning)
    weight = sum(part["seconds"] * part["factor"] for part in parts) * rate.factor * by_provenance
    due = weight * rate.points_per_hour // (_SECONDS_PER_HOUR * ONE**3)  # the one rounding, down
    due += rate.points_per_attendance if earning else 0
    points, limit = _capped(rule, due, before)
    return {
        "counted_minutes": counted,
        "earning_minutes": earning,
        "points_per_hour": rate.points_per_hour,
        "points_per_attendance": rate.points_per_attendance,
        "hardship": rate.factor,
        "provenance_factor": by_provenance,
        "parts": parts,
        "before": asdict(before),
        "zone": of.zone,
        "due": due,
        "limit": limit,
        "points": points,
        "policy_version": version,
        "earns": earns,
    }


def _parts(rule: Rule, of: Contribution, minutes: int) -> list[Part]:
    """Return where the minutes that earn are found: the highest factor first."""
    inside = seconds_by_window(rule.windows, of.begin, of.end, of.zone)
    parts: list[Part] = [
        {"begin": window.begin, "end": window.end, "factor": window.factor, "seconds": seconds}
        for window, seconds in zip(rule.windows, inside, strict=True)
    ]
    outside = whole_seconds(of.begin, of.end) - sum(inside)
    parts.append({"begin": None, "end": None, "factor": ONE, "seconds": outside})
    left, taken = minutes * _SECONDS_PER_MINUTE, []
    for part in sorted(parts, key=lambda each: -each["factor"]):
        seconds = min(left, part["seconds"])
        left -= seconds
        if seconds:
            taken.append(part | {"seconds": seconds})
    return taken


def _capped(rule: Rule, due: int, before: Before) -> tuple[int, str | None]:
    """Return the points that the caps have room for, and the name of the one that took some."""
    caps = (
        ("daily_points_max", rule.daily_points_max, before.day_points),
        ("monthly_points_max", rule.monthly_points_max, before.month_points),
        ("total_points_max", rule.total_points_max, before.total_points),
    )
    points, limit = due, None
    for name, cap, had in caps:
        if cap is not None and cap - had < points:
            points, limit = max(0, cap - had), name
    return points, limit


def read_before(reason: Mapping[str, Any]) -> Before:
    """Return what a stored award says that other stays had had."""
    return Before(**reason["before"])
