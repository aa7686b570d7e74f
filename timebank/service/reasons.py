"""Why entries of service have their points: as it was kept with them, or worked out once more.

Entries from before reasons were kept had rules without windows, factors and caps of points, so the
counted minutes are all that it takes to say the same today.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from timebank.rewards import awards
from timebank.rewards.awards import Reason
from timebank.rewards.models import PointsAward, PointsPolicy
from timebank.rewards.points import read_policy
from timebank.service import posting
from timebank.service.models import Occasion, Slot
from timebank.service.posting import Stay


def kept_reasons(
    session: Session, community_id: UUID, transaction_ids: Collection[UUID]
) -> dict[UUID, Any]:
    """Return the reasons that were kept with entries, by entry, in one statement."""
    found = session.execute(
        select(PointsAward.transaction_id, PointsAward.reason).where(
            PointsAward.community_id == community_id,
            PointsAward.transaction_id.in_(transaction_ids),
        )
    )
    return dict(found.all())


def older_reason(
    policy: PointsPolicy, occasion: Occasion, slot: Slot, stay: Stay, counted_minutes: int
) -> Reason:
    """Return the reason of an entry from before reasons were kept."""
    read = read_policy(policy)
    of = posting.contribution(stay, slot, occasion, "UTC")
    return awards.award(read.rule, read.version, of, min(counted_minutes, of.minutes))
