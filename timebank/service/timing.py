"""The clock rules of a service day: when scans count, what of the time counts, how a time is said.

Words: the *window* of a slot is when its code can be scanned; *actual* minutes lie between check-in
and check-out; *counted* minutes are what the slot and the daily cap leave of them.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from timebank.service.errors import WrongTimes

WINDOW_BEFORE: Final = timedelta(minutes=60)
WINDOW_AFTER: Final = timedelta(minutes=60)
OUT_AFTER_IN_MIN: Final = timedelta(minutes=5)
"""A check-out sooner than this is taken for a slip of the finger."""
MISSING_OUT_AFTER: Final = timedelta(minutes=30)
"""From here after the planned end, a forgotten check-out no longer keeps a person from the next."""
WITHDRAW_BEFORE: Final = timedelta(hours=3)
SLOT_MINUTES_MIN: Final = 15
SLOT_MINUTES_MAX: Final = 12 * 60

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
    """Return `9:05`, also with a full-width colon, as `09:05`; other text as it is."""
    plain = text.strip().replace("：", ":")
    return f"0{plain}" if re.fullmatch(r"\d:\d\d", plain) else plain


def moment_on(day_of: datetime, clock_text: str, zone: str) -> datetime:
    """Return a typed wall-clock time on the local day of another moment.

    Raises:
        WrongTimes: `wrong_times`, not a time of day.
    """
    text = two_digits(clock_text)
    if read_clock(text) is None:
        raise WrongTimes(times=clock_text[:5], expected="HH:MM")
    return at_local(day_of.astimezone(ZoneInfo(zone)).date(), text, zone)


def local_text(moment: datetime, zone: str, now: datetime) -> str:
    """Return `8:58`, or `2026-11-09 8:58` on another day than `now`: the same in every language."""
    there, here = moment.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    clock_text = f"{there.hour}:{there.minute:02d}"
    return clock_text if there.date() == here.date() else f"{there.date()} {clock_text}"
