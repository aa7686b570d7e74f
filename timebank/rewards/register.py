"""The register of certificate numbers: gapless, one row per community and year.

Words: a *register row* holds the last number given; a *printed number* is community code + year +
'-' + six digits, such as D2026-000137.

Invariants: a number is taken inside the transaction that writes its certificate, behind the lock of
the register row, so that a refused or crashed issue gives its number back; the database refuses a
register row that falls or goes.
"""

import re
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.columns import Count, Key
from timebank.rewards.models import CertificateRegister

NUMBER_DIGITS = 6
_PRINTED = re.compile(r"(?P<code>[A-Z0-9]{1,4})(?P<year>\d{4})-(?P<number>\d{6,9})", re.ASCII)

# ON CONFLICT is spelled alike on both databases, but SQLAlchemy has no common construct for it. The
# WHERE spares the refusal of the trigger that stands against REPLACE; the ON CONFLICT decides
# between two first issues of a year.
_OPEN_YEAR = sa.text(
    "INSERT INTO certificate_register (community_id, year, last_number)"
    " SELECT :community_id, :year, 0"
    " WHERE NOT EXISTS (SELECT 1 FROM certificate_register"
    " WHERE community_id = :community_id AND year = :year)"
    " ON CONFLICT (community_id, year) DO NOTHING"
).bindparams(sa.bindparam("community_id", type_=Key), sa.bindparam("year", type_=Count))


@dataclass(frozen=True, slots=True)
class PrintedNumber:
    """A certificate number taken apart."""

    community_code: str
    year: int
    number: int


def printed_number(community_code: str, year: int, number: int) -> str:
    """Return the number as it is printed, such as D2026-000137."""
    return f"{community_code}{year:04d}-{number:0{NUMBER_DIGITS}d}"


def read_printed_number(text: str) -> PrintedNumber | None:
    """Return the parts of a printed number, or None when the text is not one."""
    match = _PRINTED.fullmatch(text)
    if match is None:
        return None
    return PrintedNumber(match["code"], int(match["year"]), int(match["number"]))


def lock_year(session: Session, community_id: UUID, year: int) -> None:
    """Make the year's register row if absent, and hold its lock until the transaction ends.

    Whoever reads after this call sees every certificate issued before, on both databases.
    """
    session.execute(_OPEN_YEAR, {"community_id": community_id, "year": year})
    session.execute(_raise_by(community_id, year, 0))


def take_numbers(session: Session, community_id: UUID, year: int, count: int) -> int:
    """Raise the register by `count`, return the first number taken; call `lock_year` before."""
    assert count > 0, "numbers are taken for certificates that exist"
    last: int = session.execute(
        _raise_by(community_id, year, count).returning(CertificateRegister.last_number)
    ).scalar_one()
    return last - count + 1


def _raise_by(community_id: UUID, year: int, count: int) -> sa.Update:
    return (
        sa.update(CertificateRegister)
        .where(CertificateRegister.community_id == community_id, CertificateRegister.year == year)
        .values(last_number=CertificateRegister.last_number + count)
        .execution_options(synchronize_session=False)
    )
