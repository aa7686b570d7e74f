"""How messages are said: on the page in the reader's language, in a letter in the house's own."""

from typing import Final

from flask import Flask

from timebank.messages.models import Message, MessageKind
from timebank.messages.sending import Compose, Content
from timebank.settings import Settings
from web.i18n import N_, say, spoken_days, translations_of

TEXTS: Final = {
    MessageKind.CALLED_OFF: N_("%(title)s, %(when)s, has been called off: %(reason)s"),
    MessageKind.SERIES_ENDED: N_(
        "%(title)s does not take place any more: %(count)s days that you meant to come to are "
        "called off, the first on %(when)s. %(reason)s"
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
        "that time, or suspended. It went on, and you no longer wait."
    ),
    MessageKind.REMINDER: N_("Tomorrow: %(title)s, %(when)s, %(place)s."),
    MessageKind.DUTY_PLANNED: N_(
        "%(title)s: you have %(added)s shifts, the first on %(when)s. Look at them under My shifts."
    ),
    MessageKind.DUTY_CHANGED: N_(
        "%(title)s has changed: %(added)s shifts are new for you, %(removed)s are not yours any "
        "more, the first on %(when)s. Look at them under My shifts."
    ),
    MessageKind.SWAP_ASKED: N_(
        "A colleague asks you to take a shift: %(title)s, %(when)s, %(place)s. Answer under My "
        "shifts."
    ),
    MessageKind.SWAP_WAITS: N_("A swap waits for your yes: %(title)s, %(when)s, %(place)s."),
    MessageKind.SWAP_DECLINED: N_(
        "Your colleague cannot take this shift: %(title)s, %(when)s, %(place)s. It is still yours."
    ),
    MessageKind.SWAP_AGREED: N_(
        "The swap is agreed, the shift has changed hands: %(title)s, %(when)s, %(place)s."
    ),
    MessageKind.SWAP_REFUSED: N_(
        "The leader did not agree to the swap, nothing has changed: %(title)s, %(when)s, %(place)s."
    ),
}
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
    MessageKind.SWAP_WAITS: N_("A swap waits"),
    MessageKind.SWAP_DECLINED: N_("No swap"),
    MessageKind.SWAP_AGREED: N_("Swapped"),
    MessageKind.SWAP_REFUSED: N_("No swap"),
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
}
PLACE_OF_INBOX: Final = N_("Read it in the application: %(address)s")


def text(message: Message) -> str:
    """Return what a message says, in the reader's language."""
    return say(TEXTS[message.kind], message.facts)


def subject(message: Message) -> str:
    """Return the headline of a message, in the reader's language."""
    return say(SUBJECTS[message.kind], {})


def composer(settings: Settings) -> Compose:
    """Return what puts messages into letters, in the language of the setting.

    A letter is written where no page is asked for, so nobody's own choice is known.
    """
    catalog = translations_of(settings.default_locale)
    inbox = catalog.gettext(PLACE_OF_INBOX) % {"address": f"{settings.base_url}/me/messages"}

    def compose(kind: MessageKind, facts: dict[str, str | int]) -> Content:
        said = {name: _plain(value, settings.default_locale) for name, value in facts.items()}
        sentence = catalog.gettext(TEXTS[kind]) % said
        headline = f"{catalog.gettext(SUBJECTS[kind])}: {said['title']}"
        return Content(headline, f"{sentence}\n\n{inbox}\n")

    return compose


def _plain(value: str | int, locale: str) -> str | int:
    """Return 11月9日 9:00 for 2026-11-09 9:00, in a Chinese letter; everything else as it is."""
    if not isinstance(value, str) or locale != "zh":
        return value
    return spoken_days(value, lambda day: f"{day.month}月{day.day}日")


def init(app: Flask) -> None:
    """Give the templates these words."""
    app.jinja_env.globals.update(
        said_message=text,
        said_message_subject=subject,
        message_icon=lambda message: ICONS[message.kind],
    )
