"""What anybody may know of the services to come: title, time, place, whether they are on; no names.

Invariant: one month is two statements and the feed is two, however many occasions there are.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from timebank.people import organisations
from timebank.people.models import Community
from timebank.service.models import Occasion, OccasionKind, OccasionStatus, Site

FEED_BACK: Final = timedelta(days=31)
"""So that a day that was called off stays in a calendar until it is long past."""
FEED_COUNT_MAX: Final = 5_000
MONTH_COUNT_MAX: Final = 2_000
MONTHS_BACK_MAX: Final = 12
MONTHS_AHEAD_MAX: Final = 14
_MILLISECONDS: Final = 1_000
_UUID_TIME_SHIFT: Final = 80


@dataclass(frozen=True, slots=True)
class Announcement:
    """One occasion as the public sees it."""

    occasion: Occasion
    site: Site

    @property
    def kind(self) -> OccasionKind:
        """Return what it is called."""
        return self.occasion.kind

    @property
    def is_called_off(self) -> bool:
        """Tell whether it does not take place."""
        return self.occasion.status is OccasionStatus.CANCELLED

    @property
    def revised_at(self) -> datetime:
        """Return when what is announced last changed; at first, when it was planned."""
        # The leading bits of its key are the moment at which it was made (RFC 9562, UUIDv7).
        made_at = (self.occasion.id.int >> _UUID_TIME_SHIFT) / _MILLISECONDS
        return self.occasion.revised_at or datetime.fromtimestamp(made_at, UTC)


@dataclass(frozen=True, slots=True)
class Month:
    """One month of the public calendar.

    Args:
        community: whose.
        begins_on: its first day.
        lines: the occasions by begin.
        earlier: first day of the month before; None when it is too long ago.
        later: first day of the month after; None when it is too far ahead.
    """

    community: Community
    begins_on: date
    lines: list[Announcement]
    earlier: date | None
    later: date | None


def read_month(session: Session, *, code: str, month_of: date | None = None) -> Month:
    """Return one month of a community's public calendar.

    Args:
        session: a reading session.
        code: of the community.
        month_of: a day of the month wanted; None, or one too far away, is the present month.

    Raises:
        CommunityNotFound: `community_not_found`.
    """
    community = organisations.find_community(session, code=code)
    present = clock.today(community.time_zone).replace(day=1)
    begins_on = (month_of or present).replace(day=1)
    if not -MONTHS_BACK_MAX <= _months_between(present, begins_on) <= MONTHS_AHEAD_MAX:
        begins_on = present
    later = _month_after(begins_on)
    earlier = (begins_on - timedelta(days=1)).replace(day=1)
    away = _months_between(present, begins_on)
    return Month(
        community=community,
        begins_on=begins_on,
        lines=_lines(
            session,
            community,
            and_(Occasion.occurs_on >= begins_on, Occasion.occurs_on < later),
            MONTH_COUNT_MAX,
        ),
        earlier=earlier if away > -MONTHS_BACK_MAX else None,
        later=later if away < MONTHS_AHEAD_MAX else None,
    )


def read_feed(session: Session, *, code: str) -> tuple[Community, list[Announcement]]:
    """Return a community and its occasions from a month ago on, by begin, at most 5,000.

    Raises:
        CommunityNotFound: `community_not_found`.
    """
    community = organisations.find_community(session, code=code)
    since = clock.now().astimezone(ZoneInfo(community.time_zone)).date() - FEED_BACK
    return community, _lines(session, community, Occasion.occurs_on >= since, FEED_COUNT_MAX)


def _lines(
    session: Session, community: Community, condition: ColumnElement[bool], count_max: int
) -> list[Announcement]:
    found = session.execute(
        select(Occasion, Site)
        .join(Site, refers(Occasion.site_id, Site))
        .where(Occasion.community_id == community.community_id, condition)
        .order_by(Occasion.starts_at, Occasion.title, Occasion.id)
        .limit(count_max)
    )
    return [Announcement(*line) for line in found]


def _month_after(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _months_between(first: date, other: date) -> int:
    return (other.year - first.year) * 12 + other.month - first.month
