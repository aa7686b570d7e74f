"""Languages, and how figures are said: catalogs, the reader's language, the filters.

Words: a *msgid* is the English sentence in the code; the Chinese stands in
`translations/zh/LC_MESSAGES/<area>.po`, read at start (no compile step). Points are 分 in Chinese,
so minutes are always 分钟.
"""

import io
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, g, has_request_context, request
from flask_babel import Babel, Domain, gettext, ngettext

from timebank import clock
from timebank.errors import Refusal
from timebank.settings import LOCALES
from timebank.units import with_decimals
from web import session

LOCALE_COOKIE: Final = "locale"
TRANSLATIONS: Final = Path(__file__).parent / "translations"
ZONE_DEFAULT: Final = "Asia/Shanghai"
MINUTES_PER_HOUR: Final = 60
GROUPED_FROM: Final = 10_000
MINUS: Final = "−"
_MOMENTS: Final = re.compile(r"(?:[<>–→ ]|\d{4}-\d\d-\d\d|\d{1,2}:\d\d)+")
"""How rules write a day, a local moment or a span of them into the details of a message."""
_SAME_DAY: Final = re.compile(r"(\d{4}-\d\d-\d\d) (\d{1,2}:\d\d)–\1 ")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
WEEKDAYS_ZH: Final = "一二三四五六日"
WEEKDAYS_EN: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS_EN: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)

_ = gettext


def N_(template: str) -> str:  # noqa: N802  # the name that catalog extraction looks for
    """Mark a msgid that is translated later, when it is shown; returns it unchanged."""
    return template


# ---------------------------------------------------------------- catalogs


class OneForm(Translations):
    """A catalog of a language without plurals: its sentences for one and for several stand apart.

    So every msgid of `ngettext` is an ordinary one, and no .po file knows of plural forms.
    """

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return the translation of the sentence that English says of this number."""
        return self.gettext(msgid1 if n == 1 else msgid2)

    ungettext = ngettext


class Catalogs(Domain):  # type: ignore[misc]  # Flask-Babel ships no types
    """A domain whose catalogs were read from .po files at start; English needs none."""

    def get_translations(self) -> NullTranslations:
        """Return the catalog of the reader's language."""
        return translations_of(language())


@cache
def translations_of(locale: str) -> NullTranslations:
    """Return the merged catalog of every area in one language.

    The first file (by name) that has a msgid wins.
    """
    merged = Catalog(locale=locale)
    for path in sorted((TRANSLATIONS / locale / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=locale, abort_invalid=True):
                if message.id and message.string and message.id not in merged:
                    merged.add(message.id, message.string)
    if not len(merged):
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return OneForm(compiled)


def init(app: Flask) -> None:
    """Connect Flask-Babel, our catalogs and the filters."""
    babel = Babel(app, default_locale="zh", locale_selector=language, timezone_selector=zone)
    babel.domain_instance = Catalogs()
    for locale in LOCALES:
        translations_of(locale)
    app.jinja_env.filters.update(
        amount=amount,
        clock_time=clock_time,
        day=day,
        duration=duration,
        full_day=full_day,
        weekday=weekday,
        local=local,
        moment=moment,
        month=month,
        points=points,
        yuan=yuan,
        yuan_figure=yuan_figure,
        signed=signed,
    )
    app.jinja_env.globals.update(
        language=language, time_range=time_range, wall_range=wall_range, said=said
    )


# ---------------------------------------------------------------- the reader


def language() -> str:
    """Return `zh` or `en`.

    The reader's choice, else (for machines) Accept-Language, else the setting.
    """
    if not has_request_context():
        return LOCALES[0]
    chosen = request.cookies.get(LOCALE_COOKIE, "")
    if chosen in LOCALES:
        return chosen
    if request.path.startswith("/api/"):
        return request.accept_languages.best_match(LOCALES) or session.settings().default_locale
    return session.settings().default_locale


def is_chinese() -> bool:
    """Tell whether the reader reads Chinese."""
    return language() == "zh"


def zone() -> str:
    """Return the time zone of the page's community; a public page sets `g.time_zone`."""
    return str(g.get("time_zone") or ZONE_DEFAULT)


def say(template: str, details: Mapping[str, Any]) -> str:
    """Return a message in the reader's language, its details filled in, its dates written out."""
    sentence: str = gettext(template)
    readable = {name: _written_out(value) for name, value in details.items()}
    return sentence % readable if details else sentence


def _written_out(value: Any) -> Any:
    """Return 11月9日 周一 18:00 for 2026-11-09 18:00, also in a span; everything else as it is."""
    return spoken_days(value, day) if isinstance(value, str) else value


def spoken_days(text: str, said_day: Callable[[date], str]) -> str:
    """Return moments with their days in words, the day of a span once; other text as it is."""
    if not _MOMENTS.fullmatch(text):
        return text
    try:
        once = _SAME_DAY.sub(r"\1 \2–", text)
        return _DAY.sub(lambda found: said_day(date.fromisoformat(found[0])), once)
    except ValueError:  # a day that is in no calendar was typed: it is named as it came
        return text


def say_in(locale: str, template: str, details: Mapping[str, Any]) -> str:
    """Return a message in a language that need not be the reader's, its details filled in."""
    sentence = str(translations_of(locale).gettext(template)) if locale == "zh" else template
    return sentence % details if details else sentence


def said(refusal: Refusal) -> str:
    """Return what a refusal says, in the reader's language."""
    return say(refusal.message, refusal.details)


# ---------------------------------------------------------------- figures


def amount(number: int) -> str:
    """Return a whole number with a true minus sign, and a comma from 10,000 on."""
    digits = f"{abs(number):,}" if abs(number) >= GROUPED_FROM else str(abs(number))
    return MINUS + digits if number < 0 else digits


def signed(number: int) -> str:
    """Return a whole number with + or −; zero has none."""
    return "+" + amount(number) if number > 0 else amount(number)


def points(number: int, locale: str = "") -> str:
    """Return points with their word: 35 积分, 35 points.

    Args:
        number: how many.
        locale: `zh` or `en`; empty: the reader's.
    """
    word = "积分" if (locale or language()) == "zh" else _plural(number, "point")
    return f"{amount(number)} {word}"


def yuan_figure(fen: int) -> str:
    """Return money with two decimals and a true minus sign: 12.50."""
    return (MINUS if fen < 0 else "") + with_decimals(abs(fen), 2)


def yuan(fen: int) -> str:
    """Return money with its word: 12.50 元, 12.50 yuan."""
    return f"{yuan_figure(fen)} {'元' if is_chinese() else 'yuan'}"


def duration(minutes: int, locale: str = "") -> str:
    """Return minutes as a reader says them: 3 小时 20 分钟, 45 分钟, 3 h 20 min; never 3.33.

    Args:
        minutes: a length of time.
        locale: `zh` or `en`; empty: the reader's.
    """
    sign = MINUS if minutes < 0 else ""
    hours, rest = divmod(abs(minutes), MINUTES_PER_HOUR)
    if (locale or language()) == "zh":
        # 分钟 beside hours too: 分 alone is what points are called
        parts = [
            f"{amount(hours)} 小时" if hours else "",
            f"{rest} 分钟" if rest or not hours else "",
        ]
    else:
        parts = [f"{amount(hours)} h" if hours else "", f"{rest} min" if rest or not hours else ""]
    return sign + " ".join(part for part in parts if part)


def _plural(number: int, word: str) -> str:
    return word if abs(number) == 1 else word + "s"


# ---------------------------------------------------------------- dates and times


def local(moment_utc: datetime) -> datetime:
    """Return a moment on the wall clock of the page's community."""
    return moment_utc.astimezone(ZoneInfo(zone()))


def day(value: date | datetime) -> str:
    """Return 11月9日 周一 or Mon 9 Nov; with the year when it is not the present one."""
    value = _local_date(value)
    is_present = value.year == clock.today(zone()).year
    if is_chinese():
        year = "" if is_present else f"{value.year}年"
        return f"{year}{value.month}月{value.day}日 {weekday(value)}"
    year = "" if is_present else f" {value.year}"
    return f"{weekday(value)} {value.day} {MONTHS_EN[value.month - 1]}{year}"


def weekday(value: date | datetime) -> str:
    """Return 周一 or Mon."""
    place = _local_date(value).weekday()
    return f"周{WEEKDAYS_ZH[place]}" if is_chinese() else WEEKDAYS_EN[place]


def short_day(value: date, locale: str) -> str:
    """Return 11月9日 or 9 Nov, for a text that is read on no page."""
    if locale == "zh":
        return f"{value.month}月{value.day}日"
    return f"{value.day} {MONTHS_EN[value.month - 1]}"


def full_day(value: date | datetime) -> str:
    """Return 2026年11月9日 or 9 Nov 2026."""
    value = _local_date(value)
    if is_chinese():
        return f"{value.year}年{value.month}月{value.day}日"
    return f"{value.day} {MONTHS_EN[value.month - 1]} {value.year}"


def month(value: date | datetime) -> str:
    """Return 11月 or Nov; with the year when it is not the present one."""
    value = _local_date(value)
    is_present = value.year == clock.today(zone()).year
    if is_chinese():
        return f"{value.month}月" if is_present else f"{value.year}年{value.month}月"
    name = MONTHS_EN[value.month - 1]
    return name if is_present else f"{name} {value.year}"


def clock_time(moment_utc: datetime) -> str:
    """Return 8:58 on the community's wall clock."""
    at = local(moment_utc)
    return f"{at.hour}:{at.minute:02d}"


def time_range(start: datetime, end: datetime) -> str:
    """Return 9:00–11:30, or 22:00–次日2:00."""
    return _range(
        clock_time(start), clock_time(end), is_one_day=local(start).date() == local(end).date()
    )


def wall_range(start_time: str, end_time: str) -> str:
    """Return the same of two `HH:MM`; an end before its begin is on the next day."""
    begin, end = start_time.removeprefix("0"), end_time.removeprefix("0")
    return _range(begin, end, is_one_day=start_time < end_time)


def _range(begin: str, end: str, *, is_one_day: bool) -> str:
    return f"{begin}–{end}" if is_one_day else _("%(start)s–%(end)s next day", start=begin, end=end)


def moment(moment_utc: datetime) -> str:
    """Return 11月9日 周一 8:58."""
    return f"{day(moment_utc)} {clock_time(moment_utc)}"


def _local_date(value: date | datetime) -> date:
    return local(value).date() if isinstance(value, datetime) else value


__all__ = ["N_", "_", "ngettext"]
