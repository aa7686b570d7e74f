"""Windows of the wall clock, such as the night from 22:00 to 6:00, and the time within each.

Words: a *window* is a stretch of every day with a factor; one that ends before it begins goes on
past midnight. A *factor* is a number of hundredths: 150 is one and a half.

Invariants: whole seconds, never fractions; every second of a stay lies in one window at most, by
the clock that hung on the wall at that second. So an hour that the end of summer time repeats is
two hours of its window, and the hour that its beginning leaves out is none.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

MINUTES_PER_DAY: Final = 24 * 60
_SECONDS_PER_DAY: Final = 24 * 60 * 60
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of every day.

    Args:
        begin: first minute, as `HH:MM`.
        end: first minute after it, as `HH:MM`; before `begin` it is one of the next day.
        factor: what a minute in it counts for points, in hundredths.
    """

    begin: str
    end: str
    factor: int

    @property
    def first_minute(self) -> int:
        """Return the minute of the day at which it begins."""
        return _minute_of_day(self.begin)

    @property
    def minutes(self) -> int:
        """Return how long it lasts on a day without a change of the clock."""
        return (_minute_of_day(self.end) - self.first_minute) % MINUTES_PER_DAY


def is_clock(text: object) -> bool:
    """Tell whether a text is a time of day as `HH:MM`."""
    return isinstance(text, str) and _CLOCK.fullmatch(text) is not None


def share_a_minute(windows: Sequence[Window]) -> bool:
    """Tell whether two windows have a minute of the day in common."""
    pieces = []
    for window in windows:
        stop = window.first_minute + window.minutes
        pieces.append((window.first_minute, min(stop, MINUTES_PER_DAY)))
        if stop > MINUTES_PER_DAY:
            pieces.append((0, stop - MINUTES_PER_DAY))
    return any(later[0] < earlier[1] for earlier, later in pairwise(sorted(pieces)))


def whole_seconds(begin: datetime, end: datetime) -> int:
    """Return the seconds between two moments, each cut to its second; 0 if backwards."""
    return max(0, _second(end) - _second(begin))


def seconds_by_window(
    windows: Sequence[Window], begin: datetime, end: datetime, zone: str
) -> list[int]:
    """Return how many seconds between two moments lie in each window.

    Args:
        windows: without a common minute.
        begin: aware; cut to its second.
        end: aware; cut to its second; at most a day after `begin`.
        zone: IANA name of the zone whose clock hangs on the wall.
    """
    if not windows:
        return []
    stretches = list(_wall_stretches(_second(begin), _second(end), ZoneInfo(zone)))
    return [
        sum(_seconds_inside(window, first, last) for first, last in stretches) for window in windows
    ]


def _wall_stretches(first: int, last: int, zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    """Give a stay as readings of the wall clock, cut where the clock is changed."""
    while first < last:
        offset = _offset(first, zone)
        change = _first_change(first, last, zone)
        yield first + offset, change + offset
        first = change


def _first_change(first: int, last: int, zone: ZoneInfo) -> int:
    """Return the first second with another offset than `first` has; `last` if there is none.

    A stay is too short for two changes, so halving finds the one there may be.
    """
    offset = _offset(first, zone)

    def is_changed(second: int) -> bool:
        return _offset(second, zone) != offset

    return first + bisect_left(range(first, last), True, key=is_changed)


def _offset(second: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(second, zone).utcoffset()
    assert offset is not None, "a zone has an offset at every moment"
    return offset // _SECOND


def _seconds_inside(window: Window, first: int, last: int) -> int:
    """Return the seconds of a stretch of wall-clock readings that lie in a window."""
    seconds = 0
    for day in range(first // _SECONDS_PER_DAY - 1, last // _SECONDS_PER_DAY + 1):
        begin = day * _SECONDS_PER_DAY + window.first_minute * 60
        seconds += max(0, min(last, begin + window.minutes * 60) - max(first, begin))
    return seconds


def _second(moment: datetime) -> int:
    return (moment - _EPOCH) // _SECOND


def _minute_of_day(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
