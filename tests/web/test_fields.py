"""Strict fields and forms: what they take, what they refuse, and in whose words."""

from datetime import date
from enum import StrEnum
from typing import Any

import marshmallow as ma
import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict

from web.api import Args
from web.fields import (
    Checkbox,
    Choice,
    Date,
    Identifier,
    Lines,
    Minutes,
    Phone,
    Points,
    Price,
    Problem,
    Quantity,
    Secret,
    Text,
)
from web.forms import Form


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Everything(Args):
    """One of each."""

    pieces = Quantity(metadata={"label": "Pieces"})
    price = Price()
    points = Points()
    minutes = Minutes()
    name = Text(length_min=1, length_max=5)
    story = Lines(length_max=20)
    phone = Phone()
    secret = Secret()
    colour = Choice(Colour)
    on = Date()
    id = Identifier()
    ready = Checkbox(load_default=False)
    colours = ma.fields.List(Choice(Colour), load_default=list)


def _load(**values: Any) -> Any:
    return Everything().load(values)


@pytest.mark.parametrize("value", [1, 99, 2.0])
def test_pieces_between_one_and_ninety_nine_are_taken(value: Any) -> None:
    assert _load(pieces=value)["pieces"] == int(value)


@pytest.mark.parametrize(
    "value", [0, -1, 100, 1.5, "3", "３", True, None, [], 10**400, float("nan")]
)
def test_other_pieces_are_refused_by_name(value: Any) -> None:
    with pytest.raises(ma.ValidationError) as refused:
        _load(pieces=value)

    assert list(refused.value.messages_dict) == ["pieces"]


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("name", "𠮷", "𠮷"),
        ("name", " ab ", "ab"),
        ("name", "e\u0301", "é"),
        ("name", "<b>x", "<b>x"),
        ("story", "a\r\nb", "a\r\nb"),
        ("phone", "138 0013-8000", "13800138000"),
        ("secret", "  x ", "  x "),
        ("colour", "red", Colour.RED),
        ("on", "2026-02-28", date(2026, 2, 28)),
        ("points", 0, 0),
        ("price", 1, 1),
        ("minutes", 90, 90),
    ],
)
def test_good_values_are_kept(field: str, value: Any, kept: Any) -> None:
    assert _load(**{field: value})[field] == kept


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "  "),
        ("name", "abcdef"),
        ("name", "a\x00"),
        ("name", "a\nb"),
        ("name", "\ud800"),
        ("name", 5),
        ("story", "a\x07"),
        ("phone", "12345"),
        ("phone", "abc"),
        ("secret", ""),
        ("secret", "x" * 201),
        ("colour", "blue"),
        ("colour", 1),
        ("on", "2026-02-30"),
        ("on", "20260228"),
        ("on", "２０２６-02-28"),
        ("id", "x"),
        ("id", "01A202F64E397255A4FBC4E4A2B1B388"),
        ("ready", "yes"),
        ("price", 0),
        ("unknown", 1),
    ],
)
def test_bad_values_are_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ma.ValidationError) as refused:
        _load(**{field: value})

    assert list(refused.value.messages_dict) == [field]


def test_a_problem_is_said_in_the_readers_language(app: Flask) -> None:
    problem = Problem("At most %(max)s characters; you typed %(count)s.", max=5, count=6)

    with app.test_request_context():
        chinese = problem.translated()
    with app.test_request_context(headers={"Cookie": "locale=en"}):
        english = problem.translated()

    assert chinese == "最多 5 个字，您填了 6 个。"
    assert english == str(problem) == "At most 5 characters; you typed 6."


# ---------------------------------------------------------------- forms


def _form(app: Flask, **sent: Any) -> Form:
    with app.test_request_context():
        form = Form.read(Everything, MultiDict(sent))
        form.summary()
    return form


def test_a_forms_digits_become_numbers_and_its_boxes_flags(app: Flask) -> None:
    form = _form(app, pieces="3", ready="1", colours=["red", "green"], csrf_token="x")

    assert form.is_valid
    assert form.data == {"pieces": 3, "ready": True, "colours": [Colour.RED, Colour.GREEN]}


@pytest.mark.parametrize("typed", ["三", "1.5", "1_0", "+3", "0", "100", "-1", "abc"])
def test_a_forms_other_numbers_are_refused_and_kept_as_typed(app: Flask, typed: str) -> None:
    form = _form(app, pieces=typed)

    assert not form.is_valid
    assert form.value("pieces") == typed
    assert len(form.errors("pieces")) == 1


def test_a_form_takes_the_digits_of_a_chinese_keyboard(app: Flask) -> None:
    assert _form(app, pieces="１２").data["pieces"] == 12


def test_an_empty_field_is_not_sent(app: Flask) -> None:
    assert _form(app, name="", phone="").data == {"ready": False, "colours": []}


def test_the_summary_names_the_field(app: Flask) -> None:
    with app.test_request_context(headers={"Cookie": "locale=en"}):
        lines = Form.read(Everything, MultiDict({"pieces": "0", "bogus": "1"})).summary()

    assert [(line.name, line.text) for line in lines] == [
        ("pieces", "Pieces: Enter a number from 1 to 99; you entered 0."),
        ("", "bogus: Unknown field."),
    ]
