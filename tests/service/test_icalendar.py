"""The feed's text: folding and escaping as RFC 5545 says, whatever stands in a title."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timebank.service import icalendar
from timebank.service.icalendar import Event

NOW = datetime(2026, 11, 9, 1, 0, tzinfo=UTC)
NASTY = "读书, 写字; \\ 𠮷\n<script>"


def _event(**changes: object) -> Event:
    values: dict[str, object] = {
        "uid": "1@timebank",
        "sequence": 2,
        "revised_at": NOW - timedelta(days=1),
        "starts_at": NOW,
        "ends_at": NOW + timedelta(hours=2),
        "summary": NASTY,
        "location": "东门",
        "category": "service day",
        "url": "https://bank.example.org/calendar/D/?month=2026-11",
        "is_called_off": True,
    }
    return Event(**{**values, **changes})  # type: ignore[arg-type]


def _unfolded(text: str) -> list[str]:
    return text.replace("\r\n ", "").removesuffix("\r\n").split("\r\n")


def _unescaped(value: str) -> str:
    plain, escapes = "", {"n": "\n", "N": "\n"}
    characters = iter(value)
    for char in characters:
        if char == "\\":
            following = next(characters)
            plain += escapes.get(following, following)
        else:
            plain += char
    return plain


def test_an_event_is_written_as_the_standard_says() -> None:
    lines = _unfolded(icalendar.write("D社区", [_event()]))

    assert lines[:2] == ["BEGIN:VCALENDAR", "VERSION:2.0"]
    assert lines[-2:] == ["END:VEVENT", "END:VCALENDAR"]
    for line in (
        "UID:1@timebank",
        "SEQUENCE:2",
        "DTSTAMP:20261108T010000Z",
        "DTSTART:20261109T010000Z",
        "DTEND:20261109T030000Z",
        r"SUMMARY:读书\, 写字\; \\ 𠮷\n<script>",
        "STATUS:CANCELLED",
    ):
        assert line in lines


def test_an_empty_calendar_is_whole() -> None:
    text = icalendar.write("D社区", [])

    assert _unfolded(text)[-1] == "END:VCALENDAR"
    assert "VEVENT" not in text


def test_what_takes_place_is_confirmed() -> None:
    assert "STATUS:CONFIRMED" in _unfolded(icalendar.write("D", [_event(is_called_off=False)]))


@pytest.mark.parametrize("octets", [74, 75, 76, 148, 149, 150])
def test_no_line_has_more_than_75_octets(octets: int) -> None:
    folded = icalendar.folded("x" * octets)

    assert max(len(line) for line in folded.split("\r\n")) <= 75
    assert folded.count("\r\n") == (1 if octets <= 75 else 2 if octets <= 149 else 3)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=300))
def test_folding_loses_nothing_and_divides_no_character(line: str) -> None:
    folded = icalendar.folded(line)

    assert folded.replace("\r\n ", "").removesuffix("\r\n") == line
    assert all(len(part.encode()) <= 75 for part in folded.split("\r\n"))


@given(st.text(alphabet=st.sampled_from("a,;\\\nn巡𠮷 :"), max_size=60))
def test_escaping_loses_nothing(text: str) -> None:
    escaped = icalendar.escaped(text)

    assert "\n" not in escaped
    assert _unescaped(escaped) == text


def test_control_characters_make_no_second_line() -> None:
    lines = _unfolded(icalendar.write("D", [_event(summary="a\r\nBEGIN:VEVENT\x00\x85b")]))

    assert lines.count("BEGIN:VEVENT") == 1
