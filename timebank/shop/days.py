"""The shop's day: from midnight to midnight on the community's own clock."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ledger import clock


def day_start(time_zone: str, on: date | None = None) -> datetime:
    """Return the moment a local day begins.

    Args:
        time_zone: IANA name of the community's zone.
        on: the day; None for today.
    """
    zone = ZoneInfo(time_zone)
    return datetime.combine(on or clock.today(time_zone), time.min, zone)


def day_end(time_zone: str, on: date) -> datetime:
    """Return the moment after the last of a local day."""
    return day_start(time_zone, on + timedelta(days=1))
