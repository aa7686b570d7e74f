"""What verification finds, and how a pass goes on where a stored value cannot even be read.

Words: a *finding* is one thing that is wrong, with a stable code, its subject and a sentence.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from ledger.errors import Refusal

# What reading a damaged row meets: text that is no date, key, number or JSON (ValueError), a value
# of another kind (TypeError, AttributeError), a row that others stand on and that is gone
# (LookupError, AssertionError), a sum beyond 64 bits (ArithmeticError), a document that a rule
# refuses (Refusal), a page of the file that the database cannot read (SQLAlchemyError), a number
# that no hash has room for (struct.error).
UNREADABLE: Final = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    AssertionError,
    ArithmeticError,
    Refusal,
    sa.exc.SQLAlchemyError,
    struct.error,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the book.

    Attributes:
        code: stable snake_case.
        subject: `<table>:<id>` of the row, or the name of a database object.
        message: a sentence with both numbers, in English.
        details: the same facts as JSON values.
    """

    code: str
    subject: str
    message: str
    details: dict[str, Any] = field(default_factory=dict, compare=False)


def guarded(name: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Give a pass's findings; what it cannot read ends this pass with a finding, and no other.

    Args:
        name: of the pass.
        findings: a pass that has not begun yet.

    Raises:
        DBAPIError: the connection was lost, which says nothing about the book.
    """
    try:
        yield from findings
    except UNREADABLE as met:
        if isinstance(met, sa.exc.DBAPIError) and met.connection_invalidated:
            raise
        reason = str(met).partition("\n")[0]
        yield Finding(
            "unreadable",
            name,
            f"The check stopped at a stored value that it cannot read:"
            f" {type(met).__name__}: {reason}",
        )
