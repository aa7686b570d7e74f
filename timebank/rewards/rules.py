"""The document of a points rule: what may stand in it, and how it is read.

Words: a *rate* is points for an hour of counted time, or points for an attendance however long; a
*factor* multiplies the points of time, in hundredths (150 is one and a half); a *place* is a site
or a series, and goes before the category; a *cap* is the most that counts.

Invariants: whole numbers only; what a document of an older version does not say means what it
meant then: no windows, no factors, no points for an attendance, no caps of points.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final
from uuid import UUID

from ledger.errors import N_, Invalid
from timebank.contributions import Category, Provenance
from timebank.rewards.windows import MINUTES_PER_DAY, Window, is_clock, share_a_minute

POINTS_PER_HOUR_MAX: Final = 60
"""One point a minute is the most any rule may promise."""
POINTS_PER_ATTENDANCE_MAX: Final = 100
DAILY_MINUTES_MAX: Final = MINUTES_PER_DAY
POINTS_CAP_MAX: Final = 100_000
FACTOR_MIN: Final = 10
FACTOR_MAX: Final = 500
ONE: Final = 100
"""The factor that changes nothing."""
WINDOWS_MAX: Final = 6
PLACES_MAX: Final = 200


class WrongRule(Invalid):
    """The rule's JSON is not of the form that `Rule` documents."""

    code = "wrong_rule"
    message = N_("The points rule cannot be used: %(field)s must be %(expected)s.")


class WindowsOverlap(WrongRule):
    """A minute has one factor; details: field, times."""

    code = "windows_overlap"
    message = N_("These times of the day overlap: %(times)s. Let one end where the other begins.")


@dataclass(frozen=True, slots=True)
class Rate:
    """What the rule gives for one kind of service at one place."""

    points_per_hour: int
    points_per_attendance: int
    factor: int


@dataclass(frozen=True, slots=True)
class Rule:
    """What one version promises.

    Args:
        points_per_hour: points for 60 counted minutes, 0..60.
        points_per_hour_by_category: categories that are worth more or less than that.
        daily_minutes_max: counted minutes of one member on one day, 1..1440; later ones count
            nothing.
        points_by_provenance: how a minute must have come to be known to earn points; hours are
            earned always.
        points_per_hour_by_place: id of a site or a series to points; the series goes first.
        points_per_attendance: points for having been there, 0..100, beside those of the time.
        points_per_attendance_by_category: categories that differ.
        points_per_attendance_by_place: sites and series that differ.
        factors_by_category: hardship of a category, 10..500 hundredths.
        factors_by_place: hardship of a site or a series, instead of that of the category.
        factors_by_provenance: what time is worth by how it came to be known.
        windows: at most 6 stretches of the day with a factor, without a common minute.
        attendance_minutes_max: minutes of one attendance that earn points; None: all that count.
        daily_points_max: points of service of one member on one day; None: no cap.
        monthly_points_max: in one calendar month.
        total_points_max: ever.
    """

    points_per_hour: int
    points_per_hour_by_category: Mapping[str, int]
    daily_minutes_max: int
    points_by_provenance: frozenset[str]
    points_per_hour_by_place: Mapping[str, int] = field(default_factory=dict)
    points_per_attendance: int = 0
    points_per_attendance_by_category: Mapping[str, int] = field(default_factory=dict)
    points_per_attendance_by_place: Mapping[str, int] = field(default_factory=dict)
    factors_by_category: Mapping[str, int] = field(default_factory=dict)
    factors_by_place: Mapping[str, int] = field(default_factory=dict)
    factors_by_provenance: Mapping[str, int] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()
    attendance_minutes_max: int | None = None
    daily_points_max: int | None = None
    monthly_points_max: int | None = None
    total_points_max: int | None = None

    def rate(self, category: Category, site_id: UUID, series_id: UUID | None) -> Rate:
        """Return what a service is worth: by its series, else its site, else its category."""
        places = [str(place) for place in (series_id, site_id) if place is not None]

        def figure(
            by_place: Mapping[str, int], by_category: Mapping[str, int], general: int
        ) -> int:
            own = next((by_place[place] for place in places if place in by_place), None)
            return by_category.get(category.value, general) if own is None else own

        return Rate(
            figure(
                self.points_per_hour_by_place,
                self.points_per_hour_by_category,
                self.points_per_hour,
            ),
            figure(
                self.points_per_attendance_by_place,
                self.points_per_attendance_by_category,
                self.points_per_attendance,
            ),
            figure(self.factors_by_place, self.factors_by_category, ONE),
        )

    @property
    def places(self) -> set[UUID]:
        """Return the sites and series that the rule names."""
        by_place = self.points_per_hour_by_place, self.points_per_attendance_by_place
        return {UUID(place) for each in (*by_place, self.factors_by_place) for place in each}

    @property
    def is_plain(self) -> bool:
        """Tell whether counted minutes, category and provenance alone say what it gives."""
        return self == Rule(
            self.points_per_hour,
            self.points_per_hour_by_category,
            self.daily_minutes_max,
            self.points_by_provenance,
        )

    def document(self) -> dict[str, Any]:
        """Return the rule as it is stored."""
        return asdict(self) | {
            "points_by_provenance": sorted(self.points_by_provenance),
            "windows": [asdict(window) for window in self.windows],
        }


FIRST_RULE: Final = Rule(
    points_per_hour=2,
    points_per_hour_by_category={},
    daily_minutes_max=480,
    points_by_provenance=frozenset({Provenance.SELF_SCANNED, Provenance.LEADER_SCANNED}),
)
"""What a community starts with.

One point per half hour, eight hours a day, nothing for back-filled time.
"""


def read_rule(document: object) -> Rule:
    """Return the rule of a JSON document.

    Raises:
        WrongRule: `wrong_rule`, naming the field and what was expected.
        WindowsOverlap: `windows_overlap`.
    """
    if not isinstance(document, Mapping):
        raise WrongRule(field="rule", expected="{…}")
    known = {each.name for each in fields(Rule)}
    unknown = sorted(str(name) for name in document if name not in known)
    if unknown:
        raise WrongRule(field=unknown[0], expected="–")
    return Rule(
        points_per_hour=_whole(document, "points_per_hour", 0, POINTS_PER_HOUR_MAX),
        points_per_attendance=_whole(
            {"points_per_attendance": 0, **document},
            *("points_per_attendance", 0, POINTS_PER_ATTENDANCE_MAX),
        ),
        daily_minutes_max=_whole(document, "daily_minutes_max", 1, DAILY_MINUTES_MAX),
        points_by_provenance=_provenances(document.get("points_by_provenance")),
        windows=_windows(document.get("windows", [])),
        **_maps(document),
        **{name: _cap(document, name, maximum) for name, maximum in _CAPS.items()},
    )


# ---------------------------------------------------------------- private


def _a_category(name: object) -> bool:
    return name in [word.value for word in Category]


def _a_provenance(name: object) -> bool:
    return name in [word.value for word in Provenance]


def _a_place(name: object) -> bool:
    """Tell whether a name is an id in its one usual form, so that no place is named twice."""
    try:
        return isinstance(name, str) and str(UUID(name)) == name
    except ValueError:
        return False


_Known = Callable[[object], bool]
_MAPS: Final[Mapping[str, tuple[_Known, int, int]]] = {
    "points_per_hour_by_category": (_a_category, 0, POINTS_PER_HOUR_MAX),
    "points_per_hour_by_place": (_a_place, 0, POINTS_PER_HOUR_MAX),
    "points_per_attendance_by_category": (_a_category, 0, POINTS_PER_ATTENDANCE_MAX),
    "points_per_attendance_by_place": (_a_place, 0, POINTS_PER_ATTENDANCE_MAX),
    "factors_by_category": (_a_category, FACTOR_MIN, FACTOR_MAX),
    "factors_by_place": (_a_place, FACTOR_MIN, FACTOR_MAX),
    "factors_by_provenance": (_a_provenance, FACTOR_MIN, FACTOR_MAX),
}
_CAPS: Final[Mapping[str, int]] = {
    "attendance_minutes_max": DAILY_MINUTES_MAX,
    "daily_points_max": POINTS_CAP_MAX,
    "monthly_points_max": POINTS_CAP_MAX,
    "total_points_max": POINTS_CAP_MAX,
}
_EXPECTED: Final[Mapping[_Known, str]] = {
    _a_category: " / ".join(Category),
    _a_provenance: " / ".join(Provenance),
    _a_place: "site / series",
}


def _maps(document: Mapping[str, object]) -> dict[str, Any]:
    found = {}
    for name, (is_known, minimum, maximum) in _MAPS.items():
        values = document.get(name, {})
        if not isinstance(values, Mapping) or len(values) > PLACES_MAX:
            raise WrongRule(field=name, expected="{…}")
        if not all(is_known(key) for key in values):
            raise WrongRule(field=name, expected=_EXPECTED[is_known])
        found[name] = {key: _whole(values, key, minimum, maximum) for key in values}
    return found


def _cap(document: Mapping[str, object], name: str, maximum: int) -> Any:
    return None if document.get(name) is None else _whole(document, name, 1, maximum)


def _windows(value: object) -> tuple[Window, ...]:
    if not isinstance(value, list) or len(value) > WINDOWS_MAX:
        raise WrongRule(field="windows", expected=f"0–{WINDOWS_MAX}")
    windows = tuple(_window(each) for each in value)
    if share_a_minute(windows):
        said = ", ".join(f"{window.begin}–{window.end}" for window in windows)
        raise WindowsOverlap(field="windows", times=said)
    return windows


def _window(value: object) -> Window:
    if not isinstance(value, Mapping) or value.keys() != {"begin", "end", "factor"}:
        raise WrongRule(field="windows", expected="{begin, end, factor}")
    begin, end = value["begin"], value["end"]
    if not (is_clock(begin) and is_clock(end)) or begin == end:
        raise WrongRule(field="windows", expected="HH:MM–HH:MM")
    return Window(begin, end, _whole(value, "factor", FACTOR_MIN, FACTOR_MAX))


def _whole(document: Mapping[str, object], name: str, minimum: int, maximum: int) -> int:
    value = document.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum:
        return value
    raise WrongRule(field=name, expected=f"{minimum}–{maximum}")


def _provenances(value: object) -> frozenset[str]:
    if not isinstance(value, list):
        raise WrongRule(field="points_by_provenance", expected="[…]")
    if not all(_a_provenance(name) for name in value):
        raise WrongRule(field="points_by_provenance", expected=_EXPECTED[_a_provenance])
    return frozenset(value)
