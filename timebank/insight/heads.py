"""What anybody may know of a book: the head of every day, how much is sealed, the last self-check.

A head stands for the whole history before it. Whoever copied one down can tell later whether that
history is still the same: the same block has the same hash, or the book was rewritten.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from ledger import clock, seal
from ledger.records import Block
from timebank.insight.self_checks import SelfCheck, last_check
from timebank.people import organisations
from timebank.people.models import Community

DAY_COUNT: Final = 7
FIRST_DAY: Final = date(2000, 1, 1)
"""Nothing was sealed before it."""
BLOCK_NO_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class DayHead:
    """The last block of one local day, and how many items were sealed on that day."""

    on: date
    block: Block
    item_count: int


@dataclass(frozen=True, slots=True)
class PublicBook:
    """A book as its public page shows it.

    Attributes:
        community: whose it is.
        head: the newest block, or None while nothing is sealed.
        until: the last of the seven days shown.
        is_newest: whether that day is today.
        days: those of them on which something was sealed, the newest first.
        has_earlier: whether something was sealed before these days.
        looked_up: the block that was asked for, or None.
        check: the last self-check, or None.
    """

    community: Community
    head: Block | None
    until: date
    is_newest: bool
    days: list[DayHead]
    has_earlier: bool
    looked_up: Block | None
    check: SelfCheck | None

    @property
    def earlier(self) -> date | None:
        """Return the last day of the week before; None where nothing was sealed any more."""
        return self.until - timedelta(days=DAY_COUNT) if self.has_earlier else None

    @property
    def later(self) -> date | None:
        """Return the last day of the week after; None in the newest week."""
        return None if self.is_newest else self.until + timedelta(days=DAY_COUNT)


def read_public_book(
    session: Session, *, code: str, until: date | None = None, block_no: int | None = None
) -> PublicBook:
    """Return what the public page of a community's book shows.

    Args:
        session: a reading session.
        code: of the community.
        until: the last of the seven days; None, or a day to come, is today.
        block_no: a block to look up besides.

    Raises:
        CommunityNotFound: (`community_not_found`).
    """
    community = organisations.find_community(session, code=code)
    zone = ZoneInfo(community.time_zone)
    today = clock.today(community.time_zone)
    last_day = max(min(until or today, today), FIRST_DAY)
    days = [last_day - timedelta(days=number) for number in range(DAY_COUNT + 1)]
    moments = [_midnight_after(day, zone) for day in (today, *days)]
    newest, *last_blocks = seal.last_blocks_before(session, community.community_id, moments)
    return PublicBook(
        community=community,
        head=newest,
        until=last_day,
        is_newest=last_day == today,
        days=_days(days, last_blocks),
        has_earlier=last_blocks[-1] is not None,
        looked_up=_block(session, community.community_id, block_no),
        check=last_check(session, community.community_id),
    )


def _days(days: list[date], last_blocks: list[Block | None]) -> list[DayHead]:
    found = []
    for (day, block), (_, before) in pairwise(zip(days, last_blocks, strict=True)):
        if block is not None and (before is None or block.block_no > before.block_no):
            item_count = block.last_sequence - (before.last_sequence if before else 0)
            found.append(DayHead(day, block, item_count))
    return found


def _block(session: Session, community_id: UUID, block_no: int | None) -> Block | None:
    if block_no is None or not 1 <= block_no <= BLOCK_NO_MAX:
        return None
    return next(seal.blocks(session, community_id, [(block_no, block_no)]), None)


def _midnight_after(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day + timedelta(days=1), time.min, zone)
