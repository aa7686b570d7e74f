"""The only clock.

Words: *now* is an aware UTC moment with microseconds; *today* is a calendar date in a community's
zone.
Invariant: no other module asks the machine for the time (ruff DTZ and a test watch it).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

_travelled: ContextVar[datetime | None] = ContextVar("travelled", default=None)


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return _travelled.get() or datetime.now(UTC)


def today(zone: str) -> date:
    """Return the calendar date of `now()` in an IANA time zone such as `Asia/Shanghai`."""
    return now().astimezone(ZoneInfo(zone)).date()


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Let `now()` stand at `moment` inside the block: for the demo world and tests.

    Args:
        moment: aware; any zone.
    """
    assert moment.tzinfo is not None, "a moment carries its zone"
    token = _travelled.set(moment.astimezone(UTC))
    try:
        yield
    finally:
        _travelled.reset(token)
