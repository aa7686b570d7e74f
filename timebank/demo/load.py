"""Tell the story of the demo world into an empty book, month by month, at the time of each day.

All of it is one database transaction: a load that is cut short leaves the book as empty as it was.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from operator import itemgetter
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from sqlalchemy.orm import Session

from ledger import clock
from ledger.database import Database
from timebank.codes import CodeKeys
from timebank.demo import counter, drawer, duty, fund, people, service, shop, storeroom
from timebank.demo.facts import COMMUNITY_A, COMMUNITY_D, SERVICE_DAY_OF_MONTH, CommunityFacts
from timebank.demo.people import Town
from timebank.demo.service import Held
from timebank.people import organisations
from timebank.people.models import Street
from timebank.rewards import commendations, shortlist

MONTHS = 24
COMMENDED = 3
SHOP_OPENS = timedelta(days=2)
Progress = Callable[[int, int], None]
Event = tuple[datetime, Callable[[Session], object]]


def load(database: Database, keys: CodeKeys, progress: Progress) -> None:
    """Make communities D and A with 24 months of service days up to today.

    Args:
        database: an empty, migrated book.
        keys: sign the codes that are scanned along the way.
        progress: called with (steps done, steps in all).
    """
    started_at = _start()
    counter = _Counter(progress, total=2 * (MONTHS + 3))
    with database.begin() as session:
        street = organisations.add_street(session, name="X区街道", name_en="District X street")
        for facts in (COMMUNITY_D, COMMUNITY_A):
            _tell(Telling(session, keys, counter), street, facts, started_at)


class _Counter:
    """Steps done, told to whoever draws the bar."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        progress(0, total)

    def step(self) -> None:
        self._done += 1
        self._progress(self._done, self._total)


@dataclass(frozen=True, slots=True)
class Telling:
    """What every chapter of the story needs."""

    session: Session
    keys: CodeKeys
    counter: _Counter

    def end_chapter(self) -> None:
        """Write what was told and forget it, so that the session stays small."""
        self.session.flush()
        self.session.expunge_all()
        self.counter.step()


def _start() -> datetime:
    """Return nine in the morning on the first day of the month, 24 service days ago."""
    local = clock.now().astimezone(ZoneInfo("Asia/Shanghai"))
    months = MONTHS if local.day >= SERVICE_DAY_OF_MONTH else MONTHS + 1
    first = local.replace(day=1, hour=9, minute=0, second=0, microsecond=0)
    return first - relativedelta(months=months - 1)


def _tell(told: Telling, street: Street, facts: CommunityFacts, started_at: datetime) -> None:
    """Tell one community's story."""
    town = people.found(told.session, told.keys, street, facts, started_at)
    shop.stock(told.session, town, started_at + timedelta(hours=2))
    told.end_chapter()
    until = (clock.now() + relativedelta(months=2)).date()
    service.plan(told.session, town, started_at, until)
    calendar = service.calendar(told.session, town, started_at)
    told.end_chapter()
    present = clock.now()
    past = [held for held in calendar if held.occasion.ends_at + timedelta(hours=1) < present]
    for month_no in range(MONTHS):
        begins = started_at + relativedelta(months=month_no)
        ends = begins + relativedelta(months=1)
        month = [held for held in past if begins <= held.occasion.starts_at < ends]
        _tell_month(told, town, month, month_no)
        told.end_chapter()
    for held in calendar[len(past) :]:
        service.sign_everybody_up(told.session, held)
    service.sign_everybody_up(told.session, service.open_today(told.session, town))
    _commend(told, town)
    if facts is COMMUNITY_D:
        duty.keep_watch(told.session, town)
        shop.keep_one(told.session, town)
        storeroom.fill(told.session, told.keys, town)
        drawer.tell(told.session, told.keys, town)
        counter.tell(told.session, told.keys, town, clock.now())
        fund.tell(told.session, told.keys, town, started_at)
    told.end_chapter()


def _tell_month(told: Telling, town: Town, month: list[Held], month_no: int) -> None:
    story: list[Event] = [
        (held.occasion.starts_at, partial(_hold, keys=told.keys, town=town, held=held))
        for held in month
    ]
    if month_no == MONTHS - 1:  # the newest list still waits, so that the inbox has work
        newest, _ = story.pop()
        story.append((newest, partial(service.hold, keys=told.keys, town=town, held=month[-1])))
    story += _visits(told.keys, town, month, month_no)
    for held in month:
        service.sign_everybody_up(told.session, held)
    for _, tell in sorted(story, key=itemgetter(0)):
        tell(told.session)


def _hold(session: Session, keys: CodeKeys, town: Town, held: Held) -> None:
    service.hold(session, keys, town, held)
    service.confirm(session, held)


def _visits(keys: CodeKeys, town: Town, month: list[Held], month_no: int) -> list[Event]:
    """Return the customers of the days after a service day, as far as those days have come."""
    opens_at = month[0].occasion.ends_at + SHOP_OPENS
    days = [opens_at + timedelta(days=turn) for turn in range(shop.CUSTOMERS_PER_MONTH)]
    return [
        (day, partial(shop.visit, keys=keys, town=town, month_no=month_no, turn=turn, at=day))
        for turn, day in enumerate(days)
        if day + timedelta(hours=4) < clock.now()
    ]


def _commend(told: Telling, town: Town) -> None:
    """Let the social worker commend the first three of the shortlist."""
    run = shortlist.dry_run(told.session, town.social_worker)
    chosen = [row.member_id for row in run.rows if row.is_eligible][:COMMENDED]
    if chosen:
        commendations.issue(
            told.session, town.social_worker, told.keys, member_ids=chosen, basis=run.basis
        )
