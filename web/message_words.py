"""How messages are said: on the page in the reader's language, in a letter in the house's own."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Flask

from timebank.messages.models import Message, MessageKind
from timebank.messages.sending import Compose, Content
from timebank.settings import Settings
from web.i18n import (
    N_,
    duration,
    language,
    points,
    say,
    say_in,
    short_day,
    spoken_days,
    translations_of,
)

TEXTS: Final = {
    MessageKind.CALLED_OFF: N_("%(title)s, %(when)s, has been called off: %(reason)s"),
    MessageKind.SERIES_ENDED: N_(
        "%(title)s no longer takes place: %(count)s days that you had signed up for are called "
        "off, the first on %(when)s. %(reason)s"
    ),
    MessageKind.MOVED: N_(
        "%(title)s has been moved from %(before)s to %(when)s, %(place)s. Your sign-up goes with "
        "it; withdraw if you cannot come."
    ),
    MessageKind.MOVED_CLASH: N_(
        "%(title)s has been moved from %(before)s to %(when)s, %(place)s. At that time you are "
        "also signed up for %(other)s: please withdraw from one of the two."
    ),
    MessageKind.PLACE_GIVEN: N_(
        "A place came free and is yours: %(title)s, %(when)s, %(place)s. Withdraw if you cannot "
        "come."
    ),
    MessageKind.PASSED_OVER: N_(
        "A place at %(title)s, %(when)s, came free, but you could not take it: you are busy at "
        "that time, or suspended. It went to the next in line, and you are no longer on the "
        "waiting list."
    ),
    MessageKind.REMINDER: N_("Tomorrow: %(title)s, %(when)s, %(place)s."),
    MessageKind.DUTY_PLANNED: N_(
        "%(title)s: %(added)s new shifts for you, the first on %(when)s. Look at them under My "
        "shifts."
    ),
    MessageKind.DUTY_CHANGED: N_(
        "%(title)s has changed. New shifts for you: %(added)s; no longer yours: %(removed)s; the "
        "first on %(when)s. Look at them under My shifts."
    ),
    MessageKind.SWAP_ASKED: N_(
        "A colleague asks you to take a shift: %(title)s, %(when)s, %(place)s. Answer under My "
        "shifts."
    ),
    MessageKind.SWAP_WAITS: N_("A swap is waiting for your yes: %(title)s, %(when)s, %(place)s."),
    MessageKind.SWAP_DECLINED: N_(
        "Your colleague cannot take this shift: %(title)s, %(when)s, %(place)s. It is still yours."
    ),
    MessageKind.SWAP_AGREED: N_(
        "The swap is agreed, the shift has changed hands: %(title)s, %(when)s, %(place)s."
    ),
    MessageKind.SWAP_REFUSED: N_(
        "The leader did not agree to the swap, nothing has changed: %(title)s, %(when)s, %(place)s."
    ),
    MessageKind.MOVED_WAITING: N_(
        "%(title)s has been moved from %(before)s to %(when)s, %(place)s. You are still waiting"
        " for a place; it is not yours yet. Leave the waiting list if you cannot come."
    ),
    MessageKind.ROW_CORRECTED: N_(
        "Your service was corrected: %(title)s, %(on)s. Before: %(was)s. Now: %(worth)s."
    ),
    MessageKind.QUESTION_ANSWERED: N_("Your question about %(title)s, %(on)s, has been answered."),
    MessageKind.SCAN_DIFFERS: N_(
        "%(title)s, %(when)s: you were scanned more than once, and the earlier scan counts, "
        "whatever the device said. Noted now: %(stay)s."
    ),
    MessageKind.SCAN_WAITS: N_(
        "%(title)s, %(when)s: your scan on the device without a network does not count yet. "
        "Somebody has to look at it first."
    ),
    MessageKind.SCAN_ENTERED: N_(
        "%(title)s, %(when)s: your scan on the device without a network was looked at. Noted now: "
        "%(stay)s. Somebody else confirms it with the list."
    ),
    MessageKind.SCAN_DISMISSED: N_(
        "%(title)s, %(when)s: your scan on the device without a network was looked at and does not "
        "count: %(reason)s. If that is wrong, please tell the social worker."
    ),
    MessageKind.GOODS_GONE: N_(
        "What you made, %(title)s, went to a neighbour on %(on)s. Thank you."
    ),
}
TEXTS_OF_ONE: Final = {
    MessageKind.SERIES_ENDED: N_(
        "%(title)s no longer takes place: the day that you had signed up for, %(when)s, is called "
        "off. %(reason)s"
    ),
    MessageKind.DUTY_PLANNED: N_(
        "%(title)s: a new shift for you, %(when)s. Look at it under My shifts."
    ),
}
"""Instead of the sentences that speak of several."""
WORTH: Final = N_("%(stay)s, %(duration)s counted, %(points)s")
STAYED: Final = N_("%(stay)s, %(duration)s on site")
CAME: Final = N_("checked in at %(time)s")
NOTHING: Final = N_("nothing counted")
NOT_NOTED: Final = N_("no time")
SUBJECTS: Final = {
    MessageKind.CALLED_OFF: N_("Called off"),
    MessageKind.SERIES_ENDED: N_("Called off"),
    MessageKind.MOVED: N_("Moved"),
    MessageKind.MOVED_CLASH: N_("Moved"),
    MessageKind.PLACE_GIVEN: N_("A place for you"),
    MessageKind.PASSED_OVER: N_("No longer waiting"),
    MessageKind.REMINDER: N_("Tomorrow"),
    MessageKind.DUTY_PLANNED: N_("Your shifts"),
    MessageKind.DUTY_CHANGED: N_("Your shifts have changed"),
    MessageKind.SWAP_ASKED: N_("Can you take a shift?"),
    MessageKind.SWAP_WAITS: N_("A swap is waiting"),
    MessageKind.SWAP_DECLINED: N_("No swap"),
    MessageKind.SWAP_AGREED: N_("Swapped"),
    MessageKind.SWAP_REFUSED: N_("No swap"),
    MessageKind.MOVED_WAITING: N_("Moved"),
    MessageKind.ROW_CORRECTED: N_("Corrected"),
    MessageKind.QUESTION_ANSWERED: N_("Your question is answered"),
    MessageKind.SCAN_DIFFERS: N_("Your scan"),
    MessageKind.SCAN_WAITS: N_("Your scan is waiting"),
    MessageKind.SCAN_ENTERED: N_("Your scan is written in"),
    MessageKind.SCAN_DISMISSED: N_("Your scan does not count"),
    MessageKind.GOODS_GONE: N_("A neighbour has it now"),
}
ICONS: Final = {
    MessageKind.CALLED_OFF: "calendar-x",
    MessageKind.SERIES_ENDED: "calendar-x",
    MessageKind.MOVED: "calendar-event",
    MessageKind.MOVED_CLASH: "exclamation-triangle",
    MessageKind.PLACE_GIVEN: "calendar-check",
    MessageKind.PASSED_OVER: "hourglass-bottom",
    MessageKind.REMINDER: "bell",
    MessageKind.DUTY_PLANNED: "calendar-week",
    MessageKind.DUTY_CHANGED: "calendar-week",
    MessageKind.SWAP_ASKED: "arrow-left-right",
    MessageKind.SWAP_WAITS: "arrow-left-right",
    MessageKind.SWAP_DECLINED: "x-lg",
    MessageKind.SWAP_AGREED: "check-lg",
    MessageKind.SWAP_REFUSED: "x-lg",
    MessageKind.MOVED_WAITING: "calendar-event",
    MessageKind.ROW_CORRECTED: "arrow-counterclockwise",
    MessageKind.QUESTION_ANSWERED: "chat-left-text",
    MessageKind.SCAN_DIFFERS: "exclamation-triangle",
    MessageKind.SCAN_WAITS: "hourglass-split",
    MessageKind.SCAN_ENTERED: "check-lg",
    MessageKind.SCAN_DISMISSED: "x-lg",
    MessageKind.GOODS_GONE: "bag-heart",
}
PLACE_OF_INBOX: Final = N_("Read it in the application: %(address)s")


def text(message: Message) -> str:
    """Return what a message says, in the reader's language."""
    template = _template(message.kind, message.facts)
    return say(template, _with_worth(message.facts, language()))


def subject(message: Message) -> str:
    """Return the headline of a message, in the reader's language."""
    return say(SUBJECTS[message.kind], {})


def composer(settings: Settings) -> Compose:
    """Return what puts messages into letters, in the language of the setting.

    A letter is written where no page is asked for, so nobody's own choice is known.
    """
    catalog = translations_of(settings.default_locale)
    locale = settings.default_locale

    def compose(kind: MessageKind, facts: dict[str, str | int]) -> Content:
        said = {name: _plain(value, locale) for name, value in _with_worth(facts, locale).items()}
        page = f"/record/{facts['row']}" if "row" in facts else "/me/messages"
        place = catalog.gettext(PLACE_OF_INBOX) % {"address": f"{settings.base_url}{page}"}
        sentence = catalog.gettext(_template(kind, facts)) % said
        headline = f"{catalog.gettext(SUBJECTS[kind])}: {said['title']}"
        return Content(headline, f"{sentence}\n\n{place}\n")

    return compose


def _template(kind: MessageKind, facts: Mapping[str, Any]) -> str:
    if facts.get("count", facts.get("added")) == 1 and kind in TEXTS_OF_ONE:
        return TEXTS_OF_ONE[kind]
    return TEXTS[kind]


def _plain(value: str | int, locale: str) -> str | int:
    """Return 11月9日 9:00 or 9 Nov 9:00 for 2026-11-09 9:00; everything else as it is."""
    if not isinstance(value, str):
        return value
    return spoken_days(value, lambda day: short_day(day, locale))


def _with_worth(facts: dict[str, Any], locale: str) -> dict[str, Any]:
    """Return facts with what a row was and is worth, or what was noted on site, in words."""
    if "old_minutes" in facts:
        return {**facts, "was": _worth(facts, "old_", locale), "worth": _worth(facts, "", locale)}
    if "site_minutes" in facts:
        time = duration(facts["site_minutes"], locale)
        stay = say_in(locale, STAYED, {"stay": facts["site_stay"], "duration": time})
    elif "begin" in facts:
        stay = say_in(locale, CAME, {"time": facts["begin"]})
    else:
        stay = say_in(locale, NOT_NOTED, {})
    return {"stay": stay, **facts}


def _worth(facts: dict[str, Any], before: str, locale: str) -> str:
    """Return `9:00–11:30, 2 h 30 min counted, 5 points`, or that nothing counted."""
    minutes = facts[f"{before}minutes"]
    if not minutes:
        return say_in(locale, NOTHING, {})
    details = {
        "stay": facts[f"{before}stay"],
        "duration": duration(minutes, locale),
        "points": points(facts[f"{before}points"], locale),
    }
    return say_in(locale, WORTH, details)


def mail(email: str, is_mail_on: bool) -> str:
    """Return in one sentence where messages go."""
    if email and is_mail_on:
        return say(N_("Messages go to %(email)s too."), {"email": email})
    if email:
        template = N_("%(email)s is kept, but no e-mail is sent from here at present.")
        return say(template, {"email": email})
    if is_mail_on:
        return say(N_("No address: messages stand in the application only."), {})
    return say(N_("No e-mail is sent from here at present; messages stand in the application."), {})


def init(app: Flask) -> None:
    """Give the templates these words."""
    app.jinja_env.globals.update(
        said_mail=mail,
        said_message=text,
        said_message_subject=subject,
        message_icon=lambda message: ICONS[message.kind],
    )
