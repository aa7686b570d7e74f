"""One way to load an HTML form through a marshmallow schema, and to show it again.

It is shown with its errors and with what was typed.

The schema is the same kind that the JSON API uses. A form sends only text, so the text of number
fields, boxes and lists is brought into JSON's
types first; anything that does not look like a plain number stays text, and the field refuses it in
its own words.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

import marshmallow as ma
from flask import request
from werkzeug.datastructures import MultiDict

from timebank.errors import Refusal
from web.fields import Checkbox, WholeNumber, label_of, plain_number, problem_text
from web.i18n import said, say

NOT_OURS = frozenset({"csrf_token", "next"})
"""Names that belong to the page, not to the schema."""


class FieldProblem(NamedTuple):
    """One line of the error summary.

    `name` is the id of the field it links to; empty means the form as a whole.
    """

    name: str
    text: str


class Form:
    """A form as it is shown: values, labels and problems by field name."""

    def __init__(self, schema: type[ma.Schema], values: Mapping[str, object] | None = None) -> None:
        """Make a form that nobody has sent yet.

        Args:
            schema: what the form may say.
            values: what its fields show at first, by name.
        """
        self.schema = schema()
        self.values: dict[str, Any] = {
            name: value for name, value in (values or {}).items() if value is not None
        }
        self.data: dict[str, Any] = {}
        self.problems: list[FieldProblem] = []

    @classmethod
    def read(cls, schema: type[ma.Schema], source: MultiDict[str, str] | None = None) -> Self:
        """Return the form that was sent with this request, loaded through the schema."""
        sent = request.form if source is None else source
        form = cls(schema)
        form.values = {
            name: sent.getlist(name)
            if isinstance(form.schema.fields.get(name), ma.fields.List)
            else sent[name]
            for name in sent
            if name not in NOT_OURS
        }
        try:
            form.data = form.schema.load(dict(form._json_values()))
        except ma.ValidationError as error:
            form.problems = [
                FieldProblem(name, problem_text(text))
                for name, texts in _by_field(error)
                for text in _flat(texts)
            ]
        return form

    @property
    def is_valid(self) -> bool:
        """Whether nothing was found wrong so far."""
        return not self.problems

    @property
    def status(self) -> int:
        """The HTTP status of the page that shows the form."""
        return 200 if self.is_valid else 422

    def refuse(self, refusal: Refusal, name: str = "") -> Self:
        """Show a rule's refusal at a field, or above the form when `name` is empty."""
        self.problems.append(FieldProblem(name, said(refusal)))
        return self

    def value(self, name: str) -> str:
        """Return what the field shows."""
        value = self.values.get(name, "")
        return "" if value is None else str(value)

    def has(self, name: str, value: str = "") -> bool:
        """Tell whether a box is ticked, or a list holds `value`."""
        present = self.values.get(name)
        return value in present if isinstance(present, list) else bool(present)

    def label(self, name: str) -> str:
        """Return the field's label in the reader's language."""
        return say(label_of(self.schema.fields[name]), {})

    def errors(self, name: str) -> list[str]:
        """Return what is wrong with one field."""
        return [problem.text for problem in self.problems if problem.name == name]

    def summary(self) -> list[FieldProblem]:
        """Return every problem with its field's label in front, for the list above the form."""
        return [self._named(problem) for problem in self.problems]

    def _named(self, problem: FieldProblem) -> FieldProblem:
        """Return the problem with its field's label in front.

        A name we do not know stands as sent.
        """
        if problem.name in self.schema.fields:
            return FieldProblem(problem.name, f"{self.label(problem.name)}: {problem.text}")
        if problem.name in {"", ma.exceptions.SCHEMA}:
            return FieldProblem("", problem.text)
        return FieldProblem("", f"{problem.name[:40]}: {problem.text}")

    def is_required(self, name: str) -> bool:
        """Tell whether the field must be filled in."""
        return bool(self.schema.fields[name].required)

    def length_max(self, name: str) -> int | None:
        """Return the most characters a text field takes."""
        return self.schema.fields[name].metadata.get("maxLength")

    def _json_values(self) -> Iterable[tuple[str, Any]]:
        for name, field in self.schema.fields.items():
            value = self.values.get(name)
            if isinstance(field, Checkbox):
                yield name, value is not None
            elif value not in (None, ""):
                yield name, _number(value) if isinstance(field, WholeNumber) else value
        for name in self.values.keys() - self.schema.fields.keys():
            yield name, self.values[name]


def _number(value: Any) -> Any:
    """Return the integer a form's text stands for; anything else stays as it is.

    Full-width digits are what a Chinese keyboard types.
    """
    if not isinstance(value, str):
        return value
    return plain_number(unicodedata.normalize("NFKC", value))


def _by_field(error: ma.ValidationError) -> Iterable[tuple[str, Any]]:
    """Return the messages by field; those of the form as a whole stand under an empty name."""
    messages = error.messages
    return messages.items() if isinstance(messages, dict) else [("", messages)]


def _flat(messages: Any) -> Iterable[Any]:
    """Return the messages of a field, those of a list's members included."""
    if isinstance(messages, dict):
        for inner in messages.values():
            yield from _flat(inner)
    elif isinstance(messages, list):
        for message in messages:
            yield from _flat(message)
    else:
        yield messages
