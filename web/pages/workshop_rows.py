"""The rows of a workshop form: maker, pieces, donate or exchange, numbered from 1."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from timebank.shop.models import PIECE_COUNT_MAX, IntakeChoice
from timebank.shop.workshops import ROWS_MAX, Made
from web.forms import FieldProblem as RowProblem
from web.i18n import _

__all__ = ["RowProblem", "TypedRow", "read_typed_rows"]

VOLUNTEER: Final = re.compile("[Vv]?0*([1-9][0-9]{0,7})", re.ASCII)
WHOLE: Final = re.compile("[0-9]{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TypedRow:
    """A row as it was typed."""

    maker: str = ""
    pieces: str = ""
    choice: str = IntakeChoice.DONATE.value

    @property
    def is_empty(self) -> bool:
        """Whether nothing was typed."""
        return not (self.maker or self.pieces)


def read_typed_rows(
    sent: Mapping[str, str],
) -> tuple[list[Made], list[TypedRow], list[RowProblem]]:
    """Return the rows that are sound, what was typed, and what is wrong; empty rows are nothing."""
    rows: list[Made] = []
    typed: list[TypedRow] = []
    wrong: list[RowProblem] = []
    for place in range(1, ROWS_MAX + 2):
        row = TypedRow(
            maker=sent.get(f"maker-{place}", "").strip()[:20],
            pieces=sent.get(f"pieces-{place}", "").strip()[:20],
            choice=sent.get(f"choice-{place}", IntakeChoice.DONATE.value),
        )
        if row.is_empty:
            continue
        typed.append(row)
        made = _made(row, len(typed), wrong)
        if made is not None:
            rows.append(made)
    return rows, typed, wrong


def _made(row: TypedRow, place: int, wrong: list[RowProblem]) -> Made | None:
    maker = VOLUNTEER.fullmatch(unicodedata.normalize("NFKC", row.maker))
    if maker is None:
        text = _("Row %(row)s: this is not a volunteer number such as V0012.", row=place)
        wrong.append(RowProblem(f"maker-{place}", text))
    digits = WHOLE.fullmatch(unicodedata.normalize("NFKC", row.pieces))
    pieces = int(digits[0]) if digits else 0
    if not 1 <= pieces <= PIECE_COUNT_MAX:
        text = _(
            "Row %(row)s: the pieces must be a whole number from 1 to %(max)s.",
            row=place,
            max=PIECE_COUNT_MAX,
        )
        wrong.append(RowProblem(f"pieces-{place}", text))
    if row.choice not in set(IntakeChoice):
        text = _("Row %(row)s: choose donated or exchanged.", row=place)
        wrong.append(RowProblem(f"choice-{place}", text))
    if wrong and wrong[-1].name.endswith(f"-{place}"):
        return None
    assert maker is not None, "a wrong number was told"
    return Made(int(maker[1]), pieces, IntakeChoice(row.choice))
