"""Every sentence of the code has its Chinese, and the Chinese fits the sentence."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

ROOT = Path(__file__).parent.parent.parent
CATALOGS = sorted((ROOT / "web" / "translations" / "zh" / "LC_MESSAGES").glob("*.po"))
PYTHON = [("**.py", "python")]
TEMPLATES = [("**.html", "jinja2.ext.babel_extract")]
FIELD = re.compile(r"%\((\w+)\)[sd]")


def _sentences() -> Iterator[tuple[str, str]]:
    """Give place and msgid of every marked sentence."""
    options = {"**.html": {"trimmed": "true"}}
    keywords = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
    for folder in ("ledger", "timebank", "web"):
        for methods in (PYTHON, TEMPLATES):
            found = extract_from_dir(
                str(ROOT / folder), methods, options, keywords=keywords, comment_tags=()
            )
            for name, line, message, _comments, _context in found:
                for sentence in (message,) if isinstance(message, str) else message:
                    yield f"{folder}/{name}:{line}", sentence


def _chinese() -> dict[str, str]:
    known: dict[str, str] = {}
    for path in CATALOGS:
        with path.open("rb") as file:
            for message in read_po(file, locale="zh", abort_invalid=True):
                if message.id and message.string:
                    assert isinstance(message.id, str)
                    assert isinstance(message.string, str)
                    known.setdefault(message.id, message.string)
    return known


def test_every_sentence_has_its_chinese() -> None:
    known = _chinese()

    missing = sorted({f"{text!r} ({place})" for place, text in _sentences() if text not in known})

    assert missing == []


def test_chinese_names_the_same_facts() -> None:
    differing = [
        english
        for english, chinese in _chinese().items()
        if set(FIELD.findall(english)) != set(FIELD.findall(chinese))
    ]

    assert differing == []


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.name)
def test_no_sentence_is_translated_twice_in_two_ways(path: Path) -> None:
    known = _chinese()
    with path.open("rb") as file:
        differing = [
            message.id
            for message in read_po(file, locale="zh")
            if message.id and message.string and known[str(message.id)] != message.string
        ]

    assert differing == []
