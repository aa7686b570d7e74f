"""Recurring days: a small, safe part of RRULE, read, checked and turned into dates.

We accept rules by days only (daily, weekly, monthly); a rule by hours or seconds could make
millions of occasions from one line of text.

Source: RFC 5545 section 3.3.10; the dates themselves come from python-dateutil.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Final

from dateutil.rrule import rrulestr

from timebank.service.errors import WrongRecurrence

DATES_MAX: Final = 800
"""More than two years of days: a wrong rule stops here."""
INTERVAL_MAX: Final = 52
RULE_LENGTH_MAX: Final = 120

_WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_MONTH_DAY = re.compile(r"[1-9]|[12]\d|3[01]")
_WEEKDAY = re.compile(rf"(-1|[1-5])?({'|'.join(_WEEKDAYS)})")


class Frequency(StrEnum):
    """How often."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule taken apart, so that it can be said in words.

    Args:
        frequency: the step.
        interval: every n-th step, 1..52.
        month_days: days of the month, 1..31; a month without the day is skipped.
        weekdays: pairs of (ordinal in the month, weekday 0 = Monday); ordinal 0 is every one,
            -1 the last.
    """

    frequency: Frequency
    interval: int
    month_days: tuple[int, ...]
    weekdays: tuple[tuple[int, int], ...]


def read_recurrence(rule: str) -> Recurrence:
    """Return the rule taken apart.

    Args:
        rule: such as `FREQ=MONTHLY;BYMONTHDAY=9`; any case.

    Raises:
        WrongRecurrence: `wrong_recurrence`, naming the part that cannot be used.
    """
    parts = _parts(rule)
    frequency = _frequency(parts.pop("FREQ", ""))
    interval = _interval(parts.pop("INTERVAL", "1"))
    month_days = _list(parts.pop("BYMONTHDAY", ""), _MONTH_DAY)
    weekdays = _list(parts.pop("BYDAY", ""), _WEEKDAY)
    if parts:
        raise WrongRecurrence(part=next(iter(parts)))
    recurrence = Recurrence(
        frequency,
        interval,
        tuple(int(text) for text in month_days),
        tuple(_weekday(text) for text in weekdays),
    )
    _check(recurrence)
    return recurrence


def monthly_on(day: int) -> str:
    """Return the rule of every month on one day: 9 is the service day."""
    return f"FREQ=MONTHLY;BYMONTHDAY={day}"


def dates(rule: str, *, starts_on: date, begin: date, until: date) -> list[date]:
    """Return the days of a rule from `begin` to `until`, both included, at most `DATES_MAX`.

    Args:
        rule: a checked rule.
        starts_on: where its counting starts.
        begin: first day wanted.
        until: last day wanted.
    """
    read_recurrence(rule)
    found = rrulestr(rule.upper(), dtstart=datetime.combine(starts_on, time())).between(
        datetime.combine(begin, time()), datetime.combine(until, time()), inc=True, count=DATES_MAX
    )
    return [moment.date() for moment in found]


def _parts(rule: str) -> dict[str, str]:
    if not 0 < len(rule) <= RULE_LENGTH_MAX or not rule.isascii():
        raise WrongRecurrence(part="RRULE")
    parts: dict[str, str] = {}
    for text in rule.upper().split(";"):
        name, _, value = text.partition("=")
        if not value or name in parts:
            raise WrongRecurrence(part=name or "RRULE")
        parts[name] = value
    return parts


def _frequency(text: str) -> Frequency:
    if text not in set(Frequency):
        raise WrongRecurrence(part="FREQ")
    return Frequency(text)


def _interval(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d?", text) or int(text) > INTERVAL_MAX:
        raise WrongRecurrence(part="INTERVAL")
    return int(text)


def _list(text: str, pattern: re.Pattern[str]) -> list[str]:
    values = text.split(",") if text else []
    wrong = [value for value in values if not pattern.fullmatch(value)]
    if wrong or len(set(values)) != len(values):
        raise WrongRecurrence(part=wrong[0] if wrong else text)
    return values


def _weekday(text: str) -> tuple[int, int]:
    return int(text[:-2] or 0), _WEEKDAYS.index(text[-2:])


def _check(recurrence: Recurrence) -> None:
    """Refuse combinations that say nothing or are not understood the same by everybody."""
    month_days, weekdays = bool(recurrence.month_days), bool(recurrence.weekdays)
    wanted = {
        Frequency.DAILY: not month_days and not weekdays,
        Frequency.WEEKLY: weekdays and not month_days,
        Frequency.MONTHLY: weekdays != month_days,
    }
    if not wanted[recurrence.frequency]:
        raise WrongRecurrence(part="BYMONTHDAY" if month_days else "BYDAY")
    is_monthly = recurrence.frequency is Frequency.MONTHLY
    if any((ordinal != 0) != is_monthly for ordinal, _ in recurrence.weekdays):
        raise WrongRecurrence(part="BYDAY")
