"""Strict fields: what JSON and HTML forms may say, with a JSON schema that says exactly the same.

The stock fields are too kind for a book: `Integer` takes "1_0" and "３", `String` takes NUL,
`Decimal(places=2)` rounds in silence. Ours refuse,
and each refusal is a `Problem`: a msgid with its facts, so that the sentence is translated when it
is shown.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any, Final, cast
from uuid import UUID

import marshmallow as ma

from timebank.units import with_decimals
from web.i18n import N_, say

POINTS_MAX: Final = 1_000_000
MINUTES_MAX: Final = 24 * 60 * 366
PIECES_MAX: Final = 99
PRICE_MAX: Final = 100_000
FEN_MAX: Final = 100_000_000
FEN_DIGITS: Final = 2
YUAN_PATTERN: Final = r"^[0-9]{1,9}(\.[0-9]{1,2})?$"
TEXT_LENGTH_MAX: Final = 2_000
PHONE_PATTERN: Final = r"^\+?[0-9]{6,15}$"
DATE_PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
UUID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
NO_CONTROLS_PATTERN: Final = r"^[^\u0000-\u001f\u007f-\u009f]*$"
LINES_PATTERN: Final = r"^[^\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u009f]*$"


class Problem(str):
    """An error sentence that remembers its msgid and facts.

    As a plain string it is the English sentence.
    """

    template: str
    details: Mapping[str, Any]

    def __new__(cls, template: str, **details: Any) -> "Problem":
        """Fill the English sentence."""
        made = super().__new__(cls, template % details if details else template)
        made.template = template
        made.details = details
        return made

    def translated(self) -> str:
        """Return the sentence in the reader's language."""
        return say(self.template, self.details)


def problem_text(message: object) -> str:
    """Return any error message of marshmallow in the reader's language."""
    return message.translated() if isinstance(message, Problem) else say(str(message), {})


class Strict(ma.fields.Field[Any]):
    """Common ground: our words for the two errors that every field knows."""

    default_error_messages: Final = {  # type: ignore[misc]  # marshmallow collects them by class
        "required": N_("Please fill this in."),
        "null": N_("Please fill this in."),
    }

    def problem(self, template: str, **details: Any) -> ma.ValidationError:
        """Return the error to raise."""
        return ma.ValidationError(Problem(template, **details))


class QuerySchema(ma.Schema):
    """A schema of text only, such as a query string: numbers arrive as their digits."""


def plain_number(text: str) -> int | str:
    """Return the integer that ASCII digits stand for; anything else stays text, to be refused."""
    return int(text) if re.fullmatch(r"-?[0-9]{1,19}", text.strip(), re.ASCII) else text


class WholeNumber(Strict):
    """An integer between two bounds: JSON integers only, no booleans, no fractions, no strings."""

    def __init__(self, *, minimum: int, maximum: int, **kwargs: Any) -> None:
        """Keep the bounds, both included.

        Args:
            minimum: smallest value accepted.
            maximum: largest value accepted.
            kwargs: as of a marshmallow field.
        """
        bounds = {"type": "integer", "minimum": minimum, "maximum": maximum}
        super().__init__(metadata=bounds | kwargs.pop("metadata", {}), **kwargs)
        self.minimum = minimum
        self.maximum = maximum

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if isinstance(self.parent, QuerySchema) and isinstance(value, str):
            value = plain_number(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # JSON knows one kind of number: 2.0 is 2
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.problem(N_("Please enter a whole number in ordinary digits, such as 12."))
        if not self.minimum <= value <= self.maximum:
            raise self.problem(
                N_("Enter a number from %(min)s to %(max)s; you entered %(value)s."),
                min=self.minimum,
                max=self.maximum,
                value=value if abs(value) < 10**18 else "…",
            )
        return value


class Minutes(WholeNumber):
    """A length of time in whole minutes."""

    def __init__(self, *, minimum: int = 0, maximum: int = MINUTES_MAX, **kwargs: Any) -> None:
        """Keep the bounds."""
        super().__init__(minimum=minimum, maximum=maximum, **kwargs)


class Points(WholeNumber):
    """A number of points."""

    def __init__(self, *, minimum: int = 0, maximum: int = POINTS_MAX, **kwargs: Any) -> None:
        """Keep the bounds."""
        super().__init__(minimum=minimum, maximum=maximum, **kwargs)


class Quantity(WholeNumber):
    """Pieces of one kind of goods, 1 to 99."""

    def __init__(self, *, minimum: int = 1, maximum: int = PIECES_MAX, **kwargs: Any) -> None:
        """Keep the bounds."""
        super().__init__(minimum=minimum, maximum=maximum, **kwargs)


class Price(WholeNumber):
    """The price of one piece in points."""

    def __init__(self, *, minimum: int = 1, maximum: int = PRICE_MAX, **kwargs: Any) -> None:
        """Keep the bounds."""
        super().__init__(minimum=minimum, maximum=maximum, **kwargs)


class Yuan(Strict):
    """An amount of money as people write it (12, 12.5, 12.50); gives whole fen.

    Nothing is rounded: a third decimal, a sign, a comma or a currency mark is refused. Full-width
    digits are what a Chinese keyboard types.
    """

    def __init__(self, *, minimum: int = 1, maximum: int = FEN_MAX, **kwargs: Any) -> None:
        """Keep the bounds, in fen, both included."""
        metadata = {"type": "string", "pattern": YUAN_PATTERN, **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)
        self.minimum, self.maximum = minimum, maximum

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        text = unicodedata.normalize("NFKC", value).strip() if isinstance(value, str) else ""
        if not re.fullmatch(YUAN_PATTERN, text, re.ASCII):
            raise self.problem(N_("Please enter an amount in yuan, such as 12 or 12.50."))
        whole, _point, part = text.partition(".")
        fen = int(whole + part.ljust(FEN_DIGITS, "0"))
        if not self.minimum <= fen <= self.maximum:
            facts = {"min": self.minimum, "max": self.maximum, "value": fen}
            said = {name: with_decimals(amount, FEN_DIGITS) for name, amount in facts.items()}
            template = N_("Enter an amount from %(min)s to %(max)s yuan; you entered %(value)s.")
            raise self.problem(template, **said)
        return fen


class Text(Strict):
    """A line of text without control characters, its length counted as people count.

    Surrounding blanks are dropped before the length is judged; letters are composed (NFC), nothing
    else is touched, so 𠮷 and <script> are just text.
    """

    def __init__(
        self,
        *,
        length_min: int = 0,
        length_max: int = TEXT_LENGTH_MAX,
        pattern: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Keep the bounds.

        Args:
            length_min: fewest characters; 1 refuses blanks only.
            length_max: most characters.
            pattern: ECMA regular expression that the whole text must match; None allows everything
                but control characters.
            kwargs: as of a marshmallow field.
        """
        self.pattern = pattern or self.allowed_pattern()
        self.length_min = length_min
        self.length_max = length_max
        metadata = {
            "type": "string",
            "maxLength": length_max,
            "pattern": _not_blank(self.pattern) if length_min and not pattern else self.pattern,
            **({"minLength": length_min} if length_min else {}),
            **kwargs.pop("metadata", {}),
        }
        super().__init__(metadata=metadata, **kwargs)

    def allowed_pattern(self) -> str:
        """Return what any text must match."""
        return NO_CONTROLS_PATTERN

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise self.problem(N_("Please enter text."))
        if len(value) > self.length_max:
            raise self._too_long(len(value))
        text = unicodedata.normalize("NFC", value).strip()
        if _has_surrogates(text) or not re.search(self.allowed_pattern(), text):
            raise self.problem(N_("Control characters are not allowed here."))
        if self.length_min and not text:
            raise self.problem(N_("Please fill this in."))
        self._check_length(text)
        if not re.search(self.pattern, text):
            raise self.problem(N_("This does not have the expected form."))
        return text

    def _check_length(self, text: str) -> None:
        if len(text) > self.length_max:
            raise self._too_long(len(text))
        if len(text) < self.length_min:
            raise self.problem(
                N_("At least %(min)s characters; you typed %(count)s."),
                min=self.length_min,
                count=len(text),
            )

    def _too_long(self, count: int) -> ma.ValidationError:
        return self.problem(
            N_("At most %(max)s characters; you typed %(count)s."), max=self.length_max, count=count
        )


class Lines(Text):
    """Text of several lines: as `Text`, with line breaks."""

    def allowed_pattern(self) -> str:
        """Return what any text must match."""
        return LINES_PATTERN


class Secret(Strict):
    """A password as typed: nothing is trimmed or folded; only its length is bounded here."""

    LENGTH_MAX: Final = 200

    def __init__(self, **kwargs: Any) -> None:
        """Take no argument but those of a field."""
        metadata = {
            "type": "string",
            "format": "password",
            "minLength": 1,
            "maxLength": self.LENGTH_MAX,
            **kwargs.pop("metadata", {}),
        }
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str) or not value:
            raise self.problem(N_("Please fill this in."))
        if len(value) > self.LENGTH_MAX or _has_surrogates(value):
            raise self.problem(
                N_("At most %(max)s characters; you typed %(count)s."),
                max=self.LENGTH_MAX,
                count=len(value),
            )
        return value


class Phone(Text):
    """A phone number: 6 to 15 digits, + allowed in front.

    Blanks and hyphens between digits are dropped.
    """

    def __init__(self, **kwargs: Any) -> None:
        """Take no argument but those of a field."""
        super().__init__(length_min=1, length_max=20, pattern=PHONE_PATTERN, **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise self.problem(N_("Please enter text."))
        folded = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", value[:40]))
        if not re.fullmatch(PHONE_PATTERN, folded):
            raise self.problem(N_("This is not a phone number: use 6 to 15 digits."))
        return folded


class Choice(Strict):
    """One of the values of a StrEnum (or any fixed list of words)."""

    def __init__(self, values: type[Any] | list[str], **kwargs: Any) -> None:
        """Keep the values.

        Args:
            values: a StrEnum, whose member is returned, or a list of words.
            kwargs: as of a marshmallow field.
        """
        self.choices = {str(value): value for value in values}
        metadata = {"type": "string", "enum": list(self.choices), **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)

    def _serialize(self, value: Any, *_: Any, **__: Any) -> str | None:
        return None if value is None else str(value)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if not isinstance(value, str) or value not in self.choices:
            raise self.problem(
                N_("Choose one of these: %(choices)s."), choices=", ".join(self.choices)
            )
        return self.choices[value]


class Date(Strict):
    """A calendar date as 2026-11-09, and nothing else."""

    def __init__(self, **kwargs: Any) -> None:
        """Take no argument but those of a field."""
        metadata = {"type": "string", "format": "date", **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)

    def _serialize(self, value: date | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else value.isoformat()

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> date:
        if isinstance(value, str) and re.fullmatch(DATE_PATTERN, value, re.ASCII):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass  # the 31st of February: told like any other wrong date
        raise self.problem(N_("Please enter a date such as 2026-11-09."))


class Identifier(Strict):
    """The id of a row."""

    def __init__(self, **kwargs: Any) -> None:
        """Take no argument but those of a field."""
        form = {"type": "string", "format": "uuid", "pattern": UUID_PATTERN}
        super().__init__(metadata=form | kwargs.pop("metadata", {}), **kwargs)

    def _serialize(self, value: UUID | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else str(value)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> UUID:
        if not isinstance(value, str) or not re.fullmatch(UUID_PATTERN, value):
            raise self.problem(N_("This is not an id of a record."))
        return UUID(value)


class Checkbox(Strict):
    """True or false; an HTML form sends the box only when it is ticked (see `web.forms`)."""

    def __init__(self, **kwargs: Any) -> None:
        """Take no argument but those of a field."""
        super().__init__(metadata={"type": "boolean", **kwargs.pop("metadata", {})}, **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise self.problem(N_("This must be true or false."))
        return value


def label_of(field: object) -> str:
    """Return the msgid of a field's label (metadata `label`), else its name."""
    known = cast("ma.fields.Field[Any]", field)
    return str(known.metadata.get("label") or known.name)


def _has_surrogates(text: str) -> bool:
    """Tell whether the text holds half a character, which no database can store."""
    return any("\ud800" <= char <= "\udfff" for char in text)


def _not_blank(pattern: str) -> str:
    """Return the pattern with one visible character demanded."""
    return r"^(?=[\s\S]*\S)" + pattern.removeprefix("^")
