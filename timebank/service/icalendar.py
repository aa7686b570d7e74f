"""The calendar feed as text: iCalendar objects, written by the few rules of RFC 5545 that it takes.

Times are in UTC, so that no VTIMEZONE is needed and every program shows them in its reader's zone.
Each occasion is an event of its own under a UID that never changes: a change raises SEQUENCE, and
one that is called off stays with STATUS:CANCELLED, so that programs strike it out.

Source: RFC 5545, sections 3.1 (lines and folding), 3.3.11 (escaping), 3.6.1 (events), 3.8.7.4
(SEQUENCE); RFC 7986 section 5 (NAME, REFRESH-INTERVAL).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

LINE_OCTETS_MAX: Final = 75
"""Of a line without its end; a longer one goes on behind a line end and a space."""
PRODUCT: Final = "-//timebank//service calendar//EN"
_ESCAPES: Final = str.maketrans({"\\": r"\\", ";": r"\;", ",": r"\,", "\n": r"\n", "\r": None})


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Args:
        uid: globally unique, the same for ever.
        sequence: how often it has changed.
        revised_at: when it last did.
        starts_at: begin.
        ends_at: end, after the begin.
        summary: title.
        location: where.
        category: one word of its kind.
        url: page with more; empty without one.
        is_called_off: it does not take place.
    """

    uid: str
    sequence: int
    revised_at: datetime
    starts_at: datetime
    ends_at: datetime
    summary: str
    location: str
    category: str
    url: str
    is_called_off: bool


def write(name: str, events: Iterable[Event]) -> str:
    """Return a calendar with its events, every line ended by CR LF.

    Args:
        name: what a program shows above it.
        events: any number.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{PRODUCT}",
        "CALSCALE:GREGORIAN",
        f"NAME:{escaped(name)}",
        f"X-WR-CALNAME:{escaped(name)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        *(line for event in events for line in _event(event)),
        "END:VCALENDAR",
    ]
    return "".join(folded(line) for line in lines)


def escaped(text: str) -> str:
    """Return text as a value of type TEXT: backslash, semicolon, comma and line end escaped."""
    kept = "".join(char for char in text if char >= " " or char in "\n\t")
    return kept.translate(_ESCAPES)


def folded(line: str) -> str:
    """Return one content line with its end, folded so that no line has more than 75 octets.

    Counted in UTF-8, and never divided inside a character.
    """
    if len(line.encode()) <= LINE_OCTETS_MAX:
        return f"{line}\r\n"
    parts, part, octets = [], "", 0
    for char in line:
        width = len(char.encode())
        if octets + width > LINE_OCTETS_MAX:
            parts.append(part)
            part, octets = " ", 1
        part += char
        octets += width
    return "".join(f"{each}\r\n" for each in (*parts, part))


def _event(event: Event) -> Iterator[str]:
    properties: Mapping[str, str] = {
        "UID": event.uid,
        "DTSTAMP": _utc(event.revised_at),
        "LAST-MODIFIED": _utc(event.revised_at),
        "SEQUENCE": str(event.sequence),
        "DTSTART": _utc(event.starts_at),
        "DTEND": _utc(event.ends_at),
        "SUMMARY": escaped(event.summary),
        "LOCATION": escaped(event.location),
        "CATEGORIES": escaped(event.category),
        "STATUS": "CANCELLED" if event.is_called_off else "CONFIRMED",
        **({"URL": event.url} if event.url else {}),
    }
    yield "BEGIN:VEVENT"
    for name, value in properties.items():
        yield f"{name}:{value}"
    yield "END:VEVENT"


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
