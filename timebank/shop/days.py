"""The shop's day: from midnight to midnight on the community's own clock."""

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ledger import clock

FIRST_DAY: Final = date(1, 1, 2)
LAST_DAY: Final = date(9999, 12, 30)
"""A day beyond is answered as the day next to it: its midnight is in no calendar."""


def day_start(time_zone: str, on: date | None = None) -> datetime:
    """Return the moment a local day begins.

    Args:
        time_zone: IANA name of the community's zone.
        on: the day; None for today.
    """
    zone = ZoneInfo(time_zone)
    day = min(max(on or clock.today(time_zone), FIRST_DAY), LAST_DAY)
    return datetime.combine(day, time.min, zone)


def day_end(time_zone: str, on: date) -> datetime:
    """Return the moment after the last of a local day."""
    return day_start(time_zone, min(on, LAST_DAY) + timedelta(days=1))


def month_start(time_zone: str) -> datetime:
    """Return the moment the present local month begins."""
    return day_start(time_zone, clock.today(time_zone).replace(day=1))
