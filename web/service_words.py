"""How service days are said: categories, states, repetitions, and what to do after each answer."""

from typing import Final

from flask import Flask

from timebank.contributions import Category, Provenance
from timebank.rewards.awards import Reason as PointsReason
from timebank.service.answers import Answer
from timebank.service.attendance import Waiting
from timebank.service.decide import Decision, Effect, Reason, Status, Verdict
from timebank.service.flags import Flag
from timebank.service.models import AttendanceState, OccasionKind, OccasionStatus
from timebank.service.recurrence import Frequency, Recurrence, read_recurrence
from web.i18n import N_, WEEKDAYS_EN, WEEKDAYS_ZH, duration, is_chinese, ngettext, points, say

CATEGORIES: Final = {
    Category.ENVIRONMENT: N_("environment watch"),
    Category.RESIDENT_INFORMATION: N_("resident information"),
    Category.SAFETY: N_("safety check"),
    Category.OUTREACH: N_("home visits"),
    Category.AD_HOC: N_("special task"),
}
KINDS_OF_OCCASION: Final = {
    OccasionKind.SERVICE_DAY: N_("service day"),
    OccasionKind.DUTY_SHIFT: N_("duty shift"),
    OccasionKind.TRAINING: N_("training"),
    OccasionKind.MEETING: N_("meeting"),
}
PROVENANCES: Final = {
    Provenance.SELF_SCANNED: N_("scanned in person"),
    Provenance.LEADER_SCANNED: N_("scanned by the leader"),
    Provenance.BACK_FILLED: N_("written in by hand"),
}
STATES: Final = {
    AttendanceState.ENROLLED: N_("not here yet"),
    AttendanceState.IN: N_("here"),
    AttendanceState.OUT: N_("has left"),
    AttendanceState.POSTED: N_("in the book"),
    AttendanceState.WITHDRAWN: N_("withdrawn"),
    AttendanceState.NO_SHOW: N_("not seen"),
    AttendanceState.DISPUTED: N_("in dispute"),
    AttendanceState.VOID: N_("nothing counted"),
}
OCCASION_STATUSES: Final = {
    OccasionStatus.PLANNED: N_("planned"),
    OccasionStatus.CANCELLED: N_("called off"),
    OccasionStatus.CLOSED: N_("settled"),
}
WAITING: Final = {
    Waiting.OWN_ROW: N_("Your own row: another leader or the social worker confirms it."),
    Waiting.SECOND_PERSON: N_("You wrote in this time: somebody else confirms it."),
    Waiting.LONG_DAY: N_(
        "More than four hours on one day: you said yes, somebody else has to agree too."
    ),
    Waiting.NEEDS_LEAD: N_("Not signed up, or not scanned in person: tick “I agree” first."),
    Waiting.STILL_HERE: N_("Still serving: confirm after the end, or mark as left early."),
    Waiting.NOT_COME: N_("Never checked in: write the time in by hand, or mark as not seen."),
}
FLAGS: Final = {
    Flag.DEVICE_SHARED: N_("same phone as somebody else"),
    Flag.BURST: N_("one of very many within half a minute"),
}
ADVICE: Final = {
    Reason.INVALID: N_("Please scan the code that the leader is showing."),
    Reason.BAD_SIGNATURE: N_("Please scan the code that the leader is showing."),
    Reason.CODE_EXPIRED: N_(
        "Please scan the code that the leader is showing now. It changes every 30 seconds, so a "
        "picture of it does not work."
    ),
    Reason.REVOKED: N_("Please use the newer card, or ask the leader to find the name."),
    Reason.SUSPENDED: N_("Please talk to the social worker."),
    Reason.WRONG_COMMUNITY: N_("Please scan the code of your own community's service."),
    Reason.CANCELLED: N_("There is nothing to do today. Other services are under Sign up."),
    Reason.NOT_OPEN: N_("You are early. Please scan again then."),
    Reason.CLOSED: N_("Please tell the leader; the time can still be written in by hand."),
    Reason.WRONG_OCCASION: N_("Please scan the code there, or join here after all."),
    Reason.NOT_ENROLLED: N_("You can join on the spot; the leader then agrees."),
    Reason.FULL: N_("Please ask the leader, or choose another service."),
    Reason.OVERLAP: N_("Please check out there first."),
    Reason.NOT_IN: N_("Please press “I am here” first."),
    Reason.TOO_SOON: N_("Nothing was changed; your time keeps running."),
    Reason.ALREADY_IN: N_("When you leave, scan the same code again."),
    Reason.ALREADY_DONE: N_("Your time stands in your record once the leader has confirmed it."),
    Reason.LIST_CONFIRMED: N_("Please tell the leader if this is not right."),
    Reason.NEEDS_LEAD: N_("Your time is already running. Please show yourself to the leader."),
}
CHECKED_OUT: Final = N_("Checked out at %(since)s after %(stay)s.")
"""Instead of a number of minutes alone."""
VERDICT_REASONS: Final = {
    Verdict.INVALID: Reason.INVALID,
    Verdict.BAD_SIGNATURE: Reason.BAD_SIGNATURE,
    Verdict.CODE_EXPIRED: Reason.CODE_EXPIRED,
    Verdict.REVOKED: Reason.REVOKED,
}
KINDS: Final = {Status.OK: "", Status.REPLAY: "", Status.REVIEW: "wait", Status.REFUSED: "no"}
ORDINAL_ENDINGS: Final = {1: "st", 2: "nd", 3: "rd"}
ORDINALS: Final = {
    -1: N_("last"),
    1: N_("first"),
    2: N_("second"),
    3: N_("third"),
    4: N_("fourth"),
    5: N_("fifth"),
}


def answer(given: Answer | Decision) -> str:
    """Return what a scan was answered, in the reader's language."""
    if given.reason is None and given.effect is Effect.CHECK_OUT:
        stay = duration(int(given.details["minutes"]))
        return say(CHECKED_OUT, {**given.details, "stay": stay})
    return say(given.message, given.details)


def advice(reason: Reason | None) -> str:
    """Return the next step after a reason; empty when nothing is to be done."""
    return say(ADVICE[reason], {}) if reason else ""


def verdict(value: Verdict) -> Decision:
    """Return the refusal that a bad code alone makes."""
    return Decision(Status.REFUSED, reason=VERDICT_REASONS[value])


def recurrence(rule: str) -> str:
    """Return a repetition in words: 每月9日, every month on the 9th."""
    read = read_recurrence(rule)
    if read.frequency is Frequency.DAILY:
        return _every(read, N_("every day"), N_("every %(count)s days"), "")
    if read.frequency is Frequency.WEEKLY:
        days = _list([_weekday(day) for _, day in read.weekdays])
        return _every(
            read, N_("every week on %(days)s"), N_("every %(count)s weeks on %(days)s"), days
        )
    days = _list(
        [_month_day(day) for day in read.month_days]
        + [
            say(
                N_("the %(ordinal)s %(weekday)s"),
                {"ordinal": say(ORDINALS[nth], {}), "weekday": _weekday(day)},
            )
            for nth, day in read.weekdays
        ]
    )
    return _every(
        read, N_("every month on %(days)s"), N_("every %(count)s months on %(days)s"), days
    )


def points_reason(reason: PointsReason, counted: str) -> str:
    """Return why an entry has its points: minutes times rate, by which version.

    Args:
        reason: the facts.
        counted: the counted minutes, already said.
    """
    if not reason["earns"]:
        template = N_("%(counted)s counted; time written in by hand earns no points.")
    else:
        template = N_("%(counted)s counted, %(rate)s an hour, whole points only.")
    return say(template, {"counted": counted, "rate": points(reason["points_per_hour"])})


def planned(count: int) -> str:
    """Return how many days a series now has more."""
    if not count:
        return say(N_("Every day of the coming year is planned already."), {})
    said: str = ngettext(
        "One service day is planned for the coming year.",
        "%(count)s service days are planned for the coming year.",
        count,
        count=count,
    )
    return said


def ended(count: int) -> str:
    """Return how many days went with a series that was ended."""
    if not count:
        return say(N_("Ended; no planned day had to be called off."), {})
    said: str = ngettext(
        "Ended; one planned day is called off.",
        "Ended; %(count)s planned days are called off.",
        count,
        count=count,
    )
    return said


def _every(read: Recurrence, single: str, several: str, days: str) -> str:
    template = single if read.interval == 1 else several
    return say(template, {"count": read.interval, "days": days})


def _month_day(number: int) -> str:
    """Return 9日 or the 9th."""
    if is_chinese():
        return f"{number}日"
    ending = "th" if number in range(11, 14) else ORDINAL_ENDINGS.get(number % 10, "th")
    return f"the {number}{ending}"


def _weekday(number: int) -> str:
    return f"周{WEEKDAYS_ZH[number]}" if is_chinese() else WEEKDAYS_EN[number]


def _list(texts: list[str]) -> str:
    return ("、" if is_chinese() else ", ").join(texts)


def _word(table: dict[Category, str] | dict[Provenance, str], value: str) -> str:
    return say({key.value: text for key, text in table.items()}[value], {})


def init(app: Flask) -> None:
    """Give the templates these words."""
    app.jinja_env.globals.update(
        said_answer=answer,
        said_advice=advice,
        said_category=lambda value: say(CATEGORIES[value], {}),
        said_occasion_kind=lambda value: say(KINDS_OF_OCCASION[value], {}),
        said_provenance=lambda value: say(PROVENANCES[value], {}),
        said_state=lambda value: say(STATES[value], {}),
        said_occasion_status=lambda value: say(OCCASION_STATUSES[value], {}),
        said_waiting=lambda value: say(WAITING[value], {}),
        said_flag=lambda value: say(FLAGS[value], {}),
        said_recurrence=recurrence,
        said_points_reason=points_reason,
    )
