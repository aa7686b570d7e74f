"""The clock rules of a service day: when scans count, what of the time counts, how a time is said.

Words: the *window* of a slot is when its code can be scanned; *actual* minutes lie between check-in
and check-out; *counted* minutes are what the slot and the daily cap leave of them.
"""

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from timebank.service.errors import WrongClock

WINDOW_BEFORE: Final = timedelta(minutes=60)
WINDOW_AFTER: Final = timedelta(minutes=60)
OUT_AFTER_IN_MIN: Final = timedelta(minutes=5)
"""A check-out sooner than this is taken for a slip of the finger."""
MISSING_OUT_AFTER: Final = timedelta(minutes=30)
"""From here after the planned end, a forgotten check-out no longer keeps a person from the next."""
WITHDRAW_BEFORE: Final = timedelta(hours=3)
SLOT_MINUTES_MIN: Final = 15
SLOT_MINUTES_MAX: Final = 12 * 60

MINUTES_PER_DAY: Final = 24 * 60
_SECONDS_PER_MINUTE: Final = 60
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def window_opens_at(starts_at: datetime) -> datetime:
    """Return when the code of a slot can first be scanned."""
    return starts_at - WINDOW_BEFORE


def window_closes_at(ends_at: datetime) -> datetime:
    """Return when the code of a slot can last be scanned (this moment included)."""
    return ends_at + WINDOW_AFTER


def withdraw_until(starts_at: datetime) -> datetime:
    """Return until when a volunteer can take a sign-up back (this moment included)."""
    return starts_at - WITHDRAW_BEFORE


def whole_minutes(begin: datetime, end: datetime) -> int:
    """Return the full minutes between two moments, rounded down.

    0 if `end` is not after `begin`.
    """
    return max(0, int((end - begin).total_seconds()) // _SECONDS_PER_MINUTE)


def minutes_in_slot(
    in_at: datetime, out_at: datetime, starts_at: datetime, ends_at: datetime
) -> int:
    """Return the full minutes of a stay that lie inside the slot."""
    return whole_minutes(max(in_at, starts_at), min(out_at, ends_at))


def overlap(begin: datetime, end: datetime, other_begin: datetime, other_end: datetime) -> bool:
    """Tell whether two spans share more than a boundary."""
    return begin < other_end and other_begin < end


def read_clock(text: str) -> time | None:
    """Return the time of day written `HH:MM` (24 hours), or None."""
    match = _CLOCK.fullmatch(text)
    return time(int(match[1]), int(match[2])) if match else None


def at_local(day: date, clock_text: str, zone: str) -> datetime:
    """Return the UTC moment of a wall-clock time `HH:MM` on a day in an IANA zone."""
    wall = read_clock(clock_text)
    assert wall is not None, "times are checked when they are stored"
    return datetime.combine(day, wall, ZoneInfo(zone)).astimezone(UTC)


def at_wall(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the UTC moment of a wall-clock reading in a zone."""
    return wall.replace(tzinfo=zone).astimezone(UTC)


def two_digits(text: str) -> str:
    """Return `9:05`, also in full-width characters, as `09:05`; other text as it is."""
    plain = unicodedata.normalize("NFKC", text).strip()
    return f"0{plain}" if re.fullmatch(r"\d:\d\d", plain) else plain


def slot_minutes(start_time: str, end_time: str) -> int:
    """Return the minutes of a slot on the wall clock; an end before its begin is past midnight."""
    begin, end = read_clock(start_time), read_clock(end_time)
    assert begin is not None, "times are checked before they are counted"
    assert end is not None, "times are checked before they are counted"
    return ((end.hour - begin.hour) * 60 + end.minute - begin.minute) % MINUTES_PER_DAY


def slot_span(day: date, start_time: str, end_time: str, zone: str) -> tuple[datetime, datetime]:
    """Return begin and end of a slot that starts on a local day, by the wall clock.

    In the hour that a zone leaves out when its clocks go forward, the slot keeps its length.
    """
    minutes = slot_minutes(start_time, end_time)
    begin = at_local(day, start_time, zone)
    is_next_day = end_time <= start_time
    end = at_local(day + timedelta(days=is_next_day), end_time, zone)
    return begin, end if end > begin else begin + timedelta(minutes=minutes)


def moment_near(starts_at: datetime, ends_at: datetime, clock_text: str, zone: str) -> datetime:
    """Return a typed wall-clock time on the day of a slot, or past midnight if that is nearer.

    Raises:
        WrongClock: `wrong_times`, not a time of day.
    """
    text = two_digits(clock_text)
    if read_clock(text) is None:
        raise WrongClock(times=clock_text[:5] or "–", field="")
    day = starts_at.astimezone(ZoneInfo(zone)).date()
    middle = starts_at + (ends_at - starts_at) / 2
    read = (at_local(day + timedelta(days=late), text, zone) for late in (0, 1))
    return min(read, key=lambda moment: abs(moment - middle))


def local_text(moment: datetime, zone: str, now: datetime) -> str:
    """Return `8:58`, or `2026-11-09 8:58` on another day than `now`: the same in every language."""
    there, here = moment.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    clock_text = f"{there.hour}:{there.minute:02d}"
    return clock_text if there.date() == here.date() else f"{there.date()} {clock_text}"
