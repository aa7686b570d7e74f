"""How duty rosters are said: obstacles, wishes, parts of the day, qualifications, states."""

from typing import Final

from flask import Flask

from timebank.duty.diary import Obstacle, Part, Wish
from timebank.duty.models import RosterState
from timebank.people.qualification_models import QualificationKind
from web.i18n import N_, WEEKDAYS_EN, WEEKDAYS_ZH, is_chinese, say

OBSTACLES: Final = {
    Obstacle.NOT_ACTIVE: N_("suspended, or not in the roster any more"),
    Obstacle.QUALIFICATION: N_("no valid qualification on that day"),
    Obstacle.NEVER: N_("never at this time"),
    Obstacle.OVERLAP: N_("busy at that time"),
    Obstacle.REST: N_("too little rest"),
    Obstacle.DAILY_CAP: N_("too long on that day"),
    Obstacle.WEEKLY_MAX: N_("enough shifts this week"),
    Obstacle.WITHDREW: N_("withdrew from this shift"),
}
PARTS: Final = {
    Part.MORNING: N_("morning"),
    Part.AFTERNOON: N_("afternoon"),
    Part.EVENING: N_("evening"),
}
WISHES: Final = {
    Wish.GLADLY: N_("gladly"),
    Wish.RATHER_NOT: N_("rather not"),
    Wish.NEVER: N_("never"),
}
QUALIFICATIONS: Final = {
    QualificationKind.FIRST_AID: N_("first aid"),
    QualificationKind.CIVIL_CODE: N_("civil code"),
    QualificationKind.FIRE_SAFETY: N_("fire safety"),
    QualificationKind.FOOD_HYGIENE: N_("food hygiene"),
}
ROSTER_STATES: Final = {
    RosterState.DRAFT: N_("draft"),
    RosterState.PUBLISHED: N_("published"),
}


def obstacle(value: Obstacle) -> str:
    """Return why somebody cannot come, in the reader's language."""
    return say(OBSTACLES[value], {})


def qualification(value: QualificationKind) -> str:
    """Return a qualification in the reader's language."""
    return say(QUALIFICATIONS[value], {})


def weekday_name(weekday: int) -> str:
    """Return 周一 or Mon for 0."""
    return f"周{WEEKDAYS_ZH[weekday]}" if is_chinese() else WEEKDAYS_EN[weekday]


def init(app: Flask) -> None:
    """Give the templates these words."""
    app.jinja_env.globals.update(
        said_obstacle=obstacle,
        said_qualification=qualification,
        said_part=lambda value: say(PARTS[value], {}),
        said_wish=lambda value: say(WISHES[value], {}),
        said_roster_state=lambda value: say(ROSTER_STATES[value], {}),
        weekday_name=weekday_name,
        qualification_kinds=tuple(QualificationKind),
    )
