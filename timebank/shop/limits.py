"""How much a member, and a household, can still redeem.

Words: a limit counts points that were *paid* (swapped goods taken off), returns taken off, and what
is kept for open reservations; what a swap or an exchange *earned* has a limit of its own.

Invariant: two people of one household at two tills wait for each other (`lock_household`), as the
sales of one member do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.base import refers
from timebank.people.household_models import Household, HouseholdMember
from timebank.people.models import Community, Member
from timebank.shop.days import day_start, month_start
from timebank.shop.errors import LimitReached
from timebank.shop.models import EXCHANGE_POINTS_PER_DAY_MAX, Donation
from timebank.shop.reserved import open_points
from timebank.shop.sale_errors import HouseholdLimitReached, MonthLimitReached
from timebank.shop.sale_models import IdentifiedBy, Redemption, Refund


@dataclass(frozen=True, slots=True)
class Limits:
    """What can still be redeemed, in points; None where there is no such limit.

    `by_card_today` is what the member redeemed by card today, returns off.
    """

    today: int
    month: int | None
    household: int | None
    by_card_today: int

    @property
    def left(self) -> int:
        """Return what the narrowest of the limits leaves."""
        return min(left for left in (self.today, self.month, self.household) if left is not None)

    def refusal(self, needed: int) -> LimitReached | MonthLimitReached | HouseholdLimitReached:
        """Return the refusal of the narrowest limit."""
        if self.today == self.left:
            return LimitReached(needed=needed, left=self.today)
        if self.month == self.left:
            return MonthLimitReached(needed=needed, left=self.month)
        return HouseholdLimitReached(needed=needed, left=self.household)


def read_limits(session: Session, member: Member, community: Community) -> Limits:
    """Return what a member can still redeem: in one statement, one more for each limit of a month.

    A returned receipt counts no more. An open reservation counts on every day on which it can be
    collected, so that collecting it never passes the limit.
    """
    used, by_card = _used(session, member, [member.id], day_start(community.time_zone))
    begins_at = month_start(community.time_zone)
    month_left = household_left = None
    if community.redeem_points_per_month_max is not None:
        month, _ = _used(session, member, [member.id], begins_at)
        month_left = max(community.redeem_points_per_month_max - month, 0)
    if community.household_points_per_month_max is not None:
        housemates = _housemates(session, member)
        if housemates:
            together, _ = _used(session, member, housemates, begins_at)
            household_left = max(community.household_points_per_month_max - together, 0)
    today_left = max(community.redeem_points_per_day_max - used, 0)
    return Limits(today_left, month_left, household_left, by_card)


def lock_household(session: Session, member: Member, community: Community) -> None:
    """Let two people of one household wait for each other, where their limit is a common one."""
    if community.household_points_per_month_max is None:
        return
    session.execute(
        sa.select(Household.id)
        .join(HouseholdMember, refers(HouseholdMember.household_id, Household))
        .where(
            HouseholdMember.community_id == member.community_id,
            HouseholdMember.member_id == member.id,
        )
        .with_for_update(key_share=True, of=Household)
    )


def exchange_left(session: Session, member: Member, community: Community) -> int:
    """Return how many points a member can still earn by goods today: brought in, or swapped."""
    since = day_start(community.time_zone)
    exchanged = sa.select(sa.func.coalesce(sa.func.sum(Donation.points), 0)).where(
        Donation.community_id == member.community_id,
        Donation.donor_member_id == member.id,
        Donation.received_at >= since,
    )
    earned = _positive(Redemption.swapped_points - Redemption.total_points)
    reversed_swap = sa.exists().where(
        Refund.community_id == Redemption.community_id, Refund.redemption_id == Redemption.id
    )
    swapped = sa.select(sa.func.coalesce(sa.func.sum(earned), 0)).where(
        Redemption.community_id == member.community_id,
        Redemption.member_id == member.id,
        Redemption.redeemed_at >= since,
        Redemption.swapped_points > 0,
        ~reversed_swap,
    )
    row = session.execute(sa.select(exchanged.scalar_subquery(), swapped.scalar_subquery())).one()
    return max(EXCHANGE_POINTS_PER_DAY_MAX - int(row[0]) - int(row[1]), 0)


# ---------------------------------------------------------------- leaves


def _used(
    session: Session, member: Member, member_ids: Sequence[UUID], since: datetime
) -> tuple[int, int]:
    """Return the points that members used up since a moment: in all, and what was by card."""
    is_wanted = sa.and_(
        Redemption.community_id == member.community_id,
        Redemption.member_id.in_(member_ids),
        Redemption.redeemed_at >= since,
    )
    paid = sa.select(*_sums(_positive(Redemption.total_points - Redemption.swapped_points)))
    back = (
        sa.select(*_sums(_positive(Refund.points_back)))
        .select_from(Refund)
        .join(Redemption, refers(Refund.redemption_id, Redemption))
    )
    gone, came = paid.where(is_wanted).subquery(), back.where(is_wanted).subquery()
    kept = open_points(member.community_id, member_ids)
    row = session.execute(sa.select(gone, came, kept).select_from(gone.join(came, sa.true()))).one()
    all_paid, by_card_paid, all_back, by_card_back, reserved = (int(value) for value in row)
    return all_paid - all_back + reserved, by_card_paid - by_card_back


def _sums(points: sa.ColumnElement[int]) -> tuple[sa.Label[Any], sa.Label[Any]]:
    """Return the sum of points, and of those that were paid by card."""
    by_card = sa.case((Redemption.identified_by == IdentifiedBy.CARD, points), else_=0)
    return (
        sa.func.coalesce(sa.func.sum(points), 0).label("points"),
        sa.func.coalesce(sa.func.sum(by_card), 0).label("by_card"),
    )


def _positive(points: Any) -> sa.ColumnElement[int]:
    return sa.case((points > 0, points), else_=0)


def _housemates(session: Session, member: Member) -> list[UUID]:
    """Return everybody of the member's household, the member included; nobody without one."""
    own = sa.select(HouseholdMember.household_id).where(
        HouseholdMember.community_id == member.community_id,
        HouseholdMember.member_id == member.id,
    )
    found = session.scalars(
        sa.select(HouseholdMember.member_id).where(
            HouseholdMember.community_id == member.community_id,
            HouseholdMember.household_id == own.scalar_subquery(),
        )
    )
    return list(found)
