"""A points rule that is proposed and not yet released."""

from dataclasses import replace
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from timebank.actors import Actor
from timebank.rewards import proposals
from timebank.rewards.rules import FIRST_RULE
from timebank.rewards.windows import Window


def propose_rule(session: Session, desk: Actor, site_id: UUID) -> UUID:
    """Propose a rule with something of everything, and return the proposal's id."""
    rule = replace(
        FIRST_RULE,
        points_per_hour_by_category={"safety": 4},
        points_per_attendance_by_category={"outreach": 3},
        factors_by_place={str(site_id): 120},
        windows=(Window("22:00", "06:00", 150),),
        attendance_minutes_max=120,
        daily_points_max=10,
    )
    return proposals.propose(session, desk, starts_on=date(2027, 1, 1), rule=rule).id
