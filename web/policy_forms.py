"""The form of a points rule: its fields, the rule they make, and the fields that show a rule.

A factor is typed as people say it, 1.5; an empty field says nothing of its own. There are always
some empty rows for more windows and places, so that the form needs no script.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

import marshmallow as ma

from timebank.contributions import Category, Provenance
from timebank.rewards.rules import (
    DAILY_MINUTES_MAX,
    FACTOR_MAX,
    FACTOR_MIN,
    ONE,
    PLACES_MAX,
    POINTS_CAP_MAX,
    POINTS_PER_ATTENDANCE_MAX,
    POINTS_PER_HOUR_MAX,
    WINDOWS_MAX,
    Rule,
    read_rule,
)
from timebank.rewards.windows import is_clock
from web import service_words
from web.api import Args
from web.fields import Checkbox, Date, Minutes, Points, Problem, Strict, Text
from web.forms import FieldProblem, Form
from web.i18n import N_, say
from web.policy_words import factor

EMPTY_WINDOWS: Final = 2
EMPTY_PLACES: Final = 3
CLOCK_LENGTH_MAX: Final = 5
ID_LENGTH_MAX: Final = 36
_FACTOR: Final = re.compile(r"\d(\.\d{1,2})?", re.ASCII)


class Factor(Strict):
    """A factor with at most two decimals; kept in hundredths."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if isinstance(value, str) and _FACTOR.fullmatch(value.strip()):
            whole, _dot, rest = value.strip().partition(".")
            hundredths = int(whole) * ONE + int(rest.ljust(2, "0"))
            if FACTOR_MIN <= hundredths <= FACTOR_MAX:
                return hundredths
        raise self.problem(
            N_("Enter a factor from %(min)s to %(max)s, such as 1.5."),
            min=factor(FACTOR_MIN),
            max=factor(FACTOR_MAX),
        )


class RuleForm(Args):
    """What every rule has; windows and places come as rows."""

    starts_on = Date(required=True, metadata={"label": N_("First day")})
    points_per_hour = Points(
        maximum=POINTS_PER_HOUR_MAX, required=True, metadata={"label": N_("Points per hour")}
    )
    points_per_attendance = Points(
        maximum=POINTS_PER_ATTENDANCE_MAX,
        load_default=0,
        metadata={"label": N_("Points for taking part")},
    )
    daily_minutes_max = Minutes(
        minimum=1,
        maximum=DAILY_MINUTES_MAX,
        required=True,
        metadata={"label": N_("Minutes that count per person and day, at most")},
    )
    attendance_minutes_max = Minutes(
        minimum=1,
        maximum=DAILY_MINUTES_MAX,
        load_default=None,
        metadata={"label": N_("Minutes of one attendance that earn points, at most")},
    )
    daily_points_max = Points(
        minimum=1,
        maximum=POINTS_CAP_MAX,
        load_default=None,
        metadata={"label": N_("Points per person and day, at most")},
    )
    monthly_points_max = Points(
        minimum=1,
        maximum=POINTS_CAP_MAX,
        load_default=None,
        metadata={"label": N_("Points per person and month, at most")},
    )
    total_points_max = Points(
        minimum=1,
        maximum=POINTS_CAP_MAX,
        load_default=None,
        metadata={"label": N_("Points per person in all, at most")},
    )


def schema_for(rule: Rule) -> type[ma.Schema]:
    """Return the form that has room for a rule and for some more rows."""
    return _schema(
        min(WINDOWS_MAX, len(rule.windows) + EMPTY_WINDOWS),
        min(PLACES_MAX, len(rule.places) + EMPTY_PLACES),
    )


def schema_of(sent: Iterable[str]) -> type[ma.Schema]:
    """Return the form with the rows that were sent."""
    counts = {"begin_": EMPTY_WINDOWS, "place_": EMPTY_PLACES}
    for name in sent:
        for prefix, known in counts.items():
            number = name.removeprefix(prefix)
            if name.startswith(prefix) and number.isdecimal() and len(number) < 4:
                counts[prefix] = max(known, int(number))
    return _schema(min(WINDOWS_MAX, counts["begin_"]), min(PLACES_MAX, counts["place_"]))


def rows(form: Form, name: str) -> list[int]:
    """Return the numbers of the rows of windows (`begin`) or places (`place`)."""
    return [at for at in range(1, PLACES_MAX + 1) if f"{name}_{at}" in form.schema.fields]


def categories() -> list[tuple[str, str]]:
    """Return the categories with their names in the reader's language."""
    return [(value.value, say(text, {})) for value, text in service_words.CATEGORIES.items()]


def provenances() -> list[tuple[str, str]]:
    """Return how time comes to be known, in the reader's language."""
    return [(value.value, say(text, {})) for value, text in service_words.PROVENANCES.items()]


def rule_of(data: Mapping[str, Any]) -> Rule:
    """Return the rule that a loaded form says.

    Raises:
        WrongRule: `wrong_rule`, such as `windows_overlap`.
        ValidationError: a row that is half filled in, or a place in two rows.
    """
    plain = (
        *("points_per_hour", "points_per_attendance", "daily_minutes_max"),
        *("attendance_minutes_max", "daily_points_max", "monthly_points_max", "total_points_max"),
    )
    return read_rule(
        {
            **{name: data[name] for name in plain},
            "points_per_hour_by_category": _by(Category, "hour", data),
            "points_per_attendance_by_category": _by(Category, "visit", data),
            "factors_by_category": _by(Category, "factor", data),
            "factors_by_provenance": _by(Provenance, "factor", data),
            "points_by_provenance": [each.value for each in Provenance if data[f"earns_{each}"]],
            "windows": _windows(data),
            **_by_place(data),
        }
    )


def values_of(rule: Rule) -> dict[str, object]:
    """Return what the form shows for a rule."""
    values: dict[str, object] = dict(rule.document())
    for prefix, figures in (
        ("hour", rule.points_per_hour_by_category),
        ("visit", rule.points_per_attendance_by_category),
    ):
        values |= {f"{prefix}_{name}": figure for name, figure in figures.items()}
    by_factor = {**rule.factors_by_category, **rule.factors_by_provenance}
    values |= {f"factor_{name}": factor(value) for name, value in by_factor.items()}
    values |= {f"earns_{name}": "1" for name in rule.points_by_provenance}
    for at, window in enumerate(rule.windows, 1):
        values |= {f"begin_{at}": window.begin, f"end_{at}": window.end}
        values[f"window_factor_{at}"] = factor(window.factor)
    for at, place in enumerate(sorted(map(str, rule.places)), 1):
        values[f"place_{at}"] = place
        values[f"place_hour_{at}"] = rule.points_per_hour_by_place.get(place)
        values[f"place_visit_{at}"] = rule.points_per_attendance_by_place.get(place)
        own = rule.factors_by_place.get(place)
        values[f"place_factor_{at}"] = own and factor(own)
    return values


def problems_of(wrong: ma.ValidationError) -> list[FieldProblem]:
    """Return the problems of half-filled rows."""
    assert isinstance(wrong.messages, dict), "they are named by field"
    return [
        FieldProblem(name, text.translated())
        for name, texts in wrong.messages.items()
        for text in texts
    ]


# ---------------------------------------------------------------- private


@cache
def _schema(window_count: int, place_count: int) -> type[ma.Schema]:
    made: dict[str, ma.fields.Field[Any]] = {}
    for category, text in service_words.CATEGORIES.items():
        made[f"hour_{category}"] = _points(POINTS_PER_HOUR_MAX, text)
        made[f"visit_{category}"] = _points(POINTS_PER_ATTENDANCE_MAX, text)
        made[f"factor_{category}"] = _factor(text)
    for provenance, text in service_words.PROVENANCES.items():
        made[f"earns_{provenance}"] = Checkbox(load_default=False, metadata={"label": text})
        made[f"factor_{provenance}"] = _factor(text)
    for at in range(1, window_count + 1):
        made[f"begin_{at}"] = _text(CLOCK_LENGTH_MAX, N_("From"))
        made[f"end_{at}"] = _text(CLOCK_LENGTH_MAX, N_("To"))
        made[f"window_factor_{at}"] = _factor(N_("Factor"))
    for at in range(1, place_count + 1):
        made[f"place_{at}"] = _text(ID_LENGTH_MAX, N_("Site or series"))
        made[f"place_hour_{at}"] = _points(POINTS_PER_HOUR_MAX, N_("Points per hour"))
        made[f"place_visit_{at}"] = _points(POINTS_PER_ATTENDANCE_MAX, N_("Points for taking part"))
        made[f"place_factor_{at}"] = _factor(N_("Factor"))
    return type("RuleForm", (RuleForm,), made)


def _points(maximum: int, label: str) -> Points:
    return Points(maximum=maximum, load_default=None, metadata={"label": label})


def _factor(label: str) -> Factor:
    return Factor(load_default=None, metadata={"label": label})


def _text(length_max: int, label: str) -> Text:
    return Text(length_max=length_max, load_default="", metadata={"label": label})


def _by(words: type[Category] | type[Provenance], prefix: str, data: Mapping[str, Any]) -> Any:
    values = {word.value: data[f"{prefix}_{word}"] for word in words}
    return {name: value for name, value in values.items() if value is not None}


def _numbers(data: Mapping[str, Any], prefix: str) -> list[int]:
    return [at for at in range(1, PLACES_MAX + 1) if f"{prefix}_{at}" in data]


def _windows(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for at in _numbers(data, "begin"):
        begin, end, times = data[f"begin_{at}"], data[f"end_{at}"], data[f"window_factor_{at}"]
        if not begin and not end and times is None:
            continue
        if not (begin and end and times):
            _refuse(f"begin_{at}", N_("Fill in from, to and factor, or leave all three empty."))
        clocks = [_two_digits(text) for text in (begin, end)]
        if not all(map(is_clock, clocks)) or clocks[0] == clocks[1]:
            _refuse(f"begin_{at}", N_("Enter two times of the day such as 22:00 and 6:00."))
        found.append({"begin": clocks[0], "end": clocks[1], "factor": times})
    return found


def _by_place(data: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    names = {
        "place_hour": "points_per_hour_by_place",
        "place_visit": "points_per_attendance_by_place",
        "place_factor": "factors_by_place",
    }
    found: dict[str, dict[str, int]] = {name: {} for name in names.values()}
    seen = set()
    for at in _numbers(data, "place"):
        place = data[f"place_{at}"]
        figures = {name: data[f"{prefix}_{at}"] for prefix, name in names.items()}
        given = {name: value for name, value in figures.items() if value is not None}
        if bool(place) != bool(given):
            _refuse(f"place_{at}", N_("Choose a place and give at least one figure for it."))
        if place in seen:
            _refuse(f"place_{at}", N_("This place is already in another row."))
        seen |= {place} if place else set()
        for name, value in given.items():
            found[name][place] = value
    return found


def _two_digits(text: str) -> str:
    """Return 6:00, also with a full-width colon, as 06:00."""
    plain = text.replace("：", ":")
    return plain.zfill(CLOCK_LENGTH_MAX)


def _refuse(name: str, template: str) -> None:
    raise ma.ValidationError({name: [Problem(template)]})
