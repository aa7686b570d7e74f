"""A points rule in plain sentences, in either language, and an award line by line."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from flask import Flask

from timebank.contributions import Category, Provenance
from timebank.rewards.awards import Reason
from timebank.rewards.rules import ONE, Rule
from timebank.rewards.windows import Window
from web.i18n import N_, duration, language, points, say, say_in
from web.service_words import CATEGORIES, PROVENANCES

Sentence = tuple[str, dict[str, Any]]
"""A msgid and its facts."""
PROPOSAL_STATES: Final = {
    "open": N_("waits for a second person"),
    "released": N_("released"),
    "withdrawn": N_("taken back"),
}
CAPS: Final = {
    "daily_points_max": N_("At most %(points)s a day for one person."),
    "monthly_points_max": N_("At most %(points)s in a calendar month for one person."),
    "total_points_max": N_("At most %(points)s in all for one person."),
}
LIMITS: Final = {
    "daily_points_max": N_("The daily cap left %(points)s."),
    "monthly_points_max": N_("The monthly cap left %(points)s."),
    "total_points_max": N_("The overall cap left %(points)s."),
}


def sentences(rule: Rule, places: Mapping[UUID, str], locale: str) -> list[str]:
    """Return what a rule promises, as a volunteer reads it.

    Args:
        rule: the rule.
        places: names of its sites and series.
        locale: `zh` or `en`; both are read before a rule is released.
    """
    return [
        say_in(locale, template, {name: _fact(locale, value) for name, value in facts.items()})
        for template, facts in _sentences(rule, places)
    ]


def factor(hundredths: int) -> str:
    """Return 1.5 for 150 hundredths."""
    whole, rest = divmod(hundredths, ONE)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".")


def reason_lines(reason: Reason) -> list[str]:
    """Return how the points of an entry came about, one line for each step; a plain one has none.

    Entries that have nothing but counted minutes times a rate are said in one sentence elsewhere.
    """
    lines = [_part_line(part) for part in reason["parts"]] if _is_split(reason) else []
    for name, template in _FACTOR_LINES.items():
        if reason[name] != ONE and reason["earns"]:  # type: ignore[literal-required]
            lines.append(say(template, {"factor": factor(reason[name])}))  # type: ignore[literal-required]
    if reason["earning_minutes"] < reason["counted_minutes"] and reason["earns"]:
        template = N_("%(time)s of it earn points: the most for one attendance.")
        lines.append(say(template, {"time": duration(reason["earning_minutes"])}))
    if reason["points_per_attendance"] and reason["earning_minutes"]:
        template = N_("%(points)s for taking part.")
        lines.append(say(template, {"points": points(reason["points_per_attendance"])}))
    if reason["limit"]:
        lines.append(say(LIMITS[reason["limit"]], {"points": points(reason["points"])}))
    return lines


# ---------------------------------------------------------------- private


_FACTOR_LINES: Final = {
    "hardship": N_("times %(factor)s for a hard service"),
    "provenance_factor": N_("times %(factor)s for how the time came to be known"),
}


class _Minutes(int):
    """Minutes among the facts of a sentence: said as hours and minutes of its language."""


class _Points(int):
    """Points among the facts of a sentence: said with the word of its language."""


class _Place(str):
    """The name of a site or a series: said in the quotation marks of the sentence's language."""


def _fact(locale: str, value: object) -> object:
    if isinstance(value, _Minutes):
        return duration(value, locale)
    if isinstance(value, _Points):
        return points(value, locale)
    if isinstance(value, _Place):
        return f"“{value}”"
    if isinstance(value, Category):
        said = say_in(locale, CATEGORIES[value], {})
        return said[:1].upper() + said[1:]  # a kind of service begins its sentence
    if isinstance(value, Provenance):
        return say_in(locale, PROVENANCES[value], {})
    return value


def _sentences(rule: Rule, places: Mapping[UUID, str]) -> Iterator[Sentence]:
    yield from _rates(rule, places)
    yield from _factors(rule, places)
    for provenance in Provenance:
        if provenance not in rule.points_by_provenance:
            yield N_("Time %(how)s: hours only, no points."), {"how": provenance}
    yield from _limits(rule)


def _rates(rule: Rule, places: Mapping[UUID, str]) -> Iterator[Sentence]:
    if rule.points_per_hour:
        template = N_(
            "One hour of confirmed service earns %(points)s; part of an hour counts by the "
            "minute, and each service is rounded down to whole points once."
        )
        yield template, {"points": _Points(rule.points_per_hour)}
    else:
        yield N_("Time alone earns no points, except where said below."), {}
    by_hour = N_("%(name)s: %(points)s an hour.")
    by_kind = _in_points(rule.points_per_hour_by_category)
    by_place = _in_points(rule.points_per_hour_by_place)
    yield from _each(by_hour, "points", by_kind, by_place, places)
    if rule.points_per_attendance:
        template = N_("Taking part earns %(points)s each time, however long.")
        yield template, {"points": _Points(rule.points_per_attendance)}
    by_time = N_("%(name)s: %(points)s for taking part each time, however long.")
    by_kind = _in_points(rule.points_per_attendance_by_category)
    by_place = _in_points(rule.points_per_attendance_by_place)
    yield from _each(by_time, "points", by_kind, by_place, places)


def _factors(rule: Rule, places: Mapping[UUID, str]) -> Iterator[Sentence]:
    by_kind = {name: factor(value) for name, value in rule.factors_by_category.items()}
    by_place = {name: factor(value) for name, value in rule.factors_by_place.items()}
    hard = N_("%(name)s is hard: its time counts %(factor)s times for points.")
    yield from _each(hard, "factor", by_kind, by_place, places)
    for window in rule.windows:
        yield _window_template(window), _window_facts(window)
    for provenance in Provenance:
        if provenance in rule.factors_by_provenance:
            value = factor(rule.factors_by_provenance[provenance])
            template = N_("Time %(how)s counts %(factor)s times for points.")
            yield template, {"how": provenance, "factor": value}
    if rule.windows or by_kind or by_place or rule.factors_by_provenance:
        template = N_(
            "Where two of these meet they are multiplied. Hours of service stay what they are: "
            "one hour is one hour."
        )
        yield template, {}


def _in_points(by_name: Mapping[str, int]) -> dict[str, _Points]:
    return {name: _Points(value) for name, value in by_name.items()}


def _each(
    template: str,
    fact: str,
    by_category: Mapping[str, object],
    by_place: Mapping[str, object],
    places: Mapping[UUID, str],
) -> Iterator[Sentence]:
    for category in Category:
        if category.value in by_category:
            yield template, {"name": category, fact: by_category[category.value]}
    for place, value in by_place.items():
        yield template, {"name": _Place(places.get(UUID(place), place)), fact: value}


def _limits(rule: Rule) -> Iterator[Sentence]:
    daily = N_("At most %(time)s of service a day count for one person.")
    yield daily, {"time": _Minutes(rule.daily_minutes_max)}
    if rule.attendance_minutes_max is not None:
        template = N_("At most %(time)s of one attendance earn points.")
        yield template, {"time": _Minutes(rule.attendance_minutes_max)}
    for name, template in CAPS.items():
        if getattr(rule, name) is not None:
            yield template, {"points": _Points(getattr(rule, name))}
    template = N_(
        "When a limit is reached, what was confirmed first counts first; within one service the"
        " time with the highest factor counts first."
    )
    yield template, {}


def _window_template(window: Window) -> str:
    if window.end < window.begin:
        return N_(
            "From %(begin)s to %(end)s of the next day every minute counts %(factor)s times for "
            "points."
        )
    return N_("From %(begin)s to %(end)s every minute counts %(factor)s times for points.")


def _window_facts(window: Window) -> dict[str, str]:
    return {"begin": window.begin, "end": window.end, "factor": factor(window.factor)}


def _is_split(reason: Reason) -> bool:
    return any(part["begin"] is not None for part in reason["parts"])


def _part_line(part: Mapping[str, Any]) -> str:
    minutes, seconds = divmod(part["seconds"], 60)
    time = duration(minutes)
    if seconds:
        time += f" {seconds} {'秒' if language() == 'zh' else 's'}"
    facts = {"time": time, "factor": factor(part["factor"])}
    if part["begin"] is None:
        return say(N_("%(time)s at other times, times %(factor)s"), facts)
    span = f"{part['begin']}–{part['end']}"
    return say(N_("%(time)s within %(span)s, times %(factor)s"), {**facts, "span": span})


def init(app: Flask) -> None:
    """Give the templates these words."""
    app.jinja_env.globals.update(
        said_rule=lambda rule, places: sentences(rule, places, language()),
        said_rule_in=sentences,
        said_factor=factor,
        said_reason_lines=reason_lines,
        said_proposal_state=lambda state: say(PROPOSAL_STATES[state], {}),
    )
