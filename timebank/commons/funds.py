"""Funds: money with a purpose.

The general fund is there for everything, and is opened when it is first used. A *restricted* fund
is opened with the purpose that donors gave for; its money is an account of its own with floor 0, so
that it can be spent on nothing else.
"""

from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock, reports
from ledger.ids import new_id
from ledger.schema import Account
from timebank import audit, chart
from timebank.actors import Actor, Permission
from timebank.commons.common import NUMBER_MAX, checked, locked_register, person
from timebank.commons.errors import FundNotFound
from timebank.commons.models import NAME_LENGTH_MAX, PURPOSE_LENGTH_MAX, Fund, FundRegister
from timebank.shop.errors import NonceReused
from timebank.shop.goods import check_nonce

GENERAL_NAME = "General fund"


@dataclass(frozen=True, slots=True)
class FundBalance:
    """A fund with what lies in it now; what was set apart for projects is not in it."""

    fund: Fund
    balance_fen: int


def open_fund(session: Session, actor: Actor, *, name: str, purpose: str, nonce: str) -> Fund:
    """Open a restricted fund; the same nonce returns the same fund.

    Args:
        session: write session.
        actor: needs `release_money`.
        name: 1 to 60 characters.
        purpose: what its money may be spent on, 1 to 500 characters; it never changes.
        nonce: the form's own number.

    Raises:
        FundTextInvalid: fund_text_invalid.
        NonceReused: nonce_reused, it stands for another fund.
    """
    member_id = person(actor, Permission.RELEASE_MONEY)
    check_nonce(nonce)
    name = checked("name", name, NAME_LENGTH_MAX)
    purpose = checked("purpose", purpose, PURPOSE_LENGTH_MAX)
    register = locked_register(session, actor.community_id)
    known = session.scalar(
        sa.select(Fund).where(Fund.community_id == actor.community_id, Fund.nonce == nonce)
    )
    if known is not None:
        if (known.name, known.purpose) != (name, purpose):
            raise NonceReused
        return known
    _general(session, actor.community_id, register)
    made = _open(session, register, name, (purpose, nonce, member_id))
    audit.record(session, actor, "open_fund", f"fund:{made.id}")
    session.flush()
    return made


def general_fund(session: Session, community_id: UUID) -> Fund:
    """Return the general fund; it is opened when it is first used."""
    found = _numbered(session, community_id, chart.GENERAL_FUND_NUMBER)
    if found is not None:
        return found
    return _general(session, community_id, locked_register(session, community_id))


def find_fund(session: Session, actor: Actor, *, number: int) -> Fund:
    """Return a fund by its number; number 1 is the general fund (in a write session: opened).

    Raises:
        FundNotFound: fund_not_found.
    """
    found = _numbered(session, actor.community_id, number)
    if found is None:
        raise FundNotFound
    return found


def list_funds(session: Session, actor: Actor) -> list[FundBalance]:
    """Return the funds with what lies in them, the general fund first.

    Args:
        session: any session.
        actor: needs `see_own_record`: what lies in the funds is public.
    """
    actor.require(Permission.SEE_OWN_RECORD)
    funds = session.scalars(
        sa.select(Fund).where(Fund.community_id == actor.community_id).order_by(Fund.number)
    ).all()
    held = balances_of(
        session, actor.community_id, [chart.fund_account_code(fund.number) for fund in funds]
    )
    return [FundBalance(fund, held[chart.fund_account_code(fund.number)]) for fund in funds]


def balances_of(session: Session, community_id: UUID, codes: list[str]) -> dict[str, int]:
    """Return what the accounts hold, by code; 0 for one that is not open yet."""
    rows = session.execute(
        sa.select(Account.code, Account.id).where(
            Account.community_id == community_id, Account.code.in_(codes)
        )
    ).all()
    held = reports.balances(session, community_id, [row.id for row in rows])
    return dict.fromkeys(codes, 0) | {row.code: held[row.id].posted_minor for row in rows}


# ---------------------------------------------------------------- leaves


def _numbered(session: Session, community_id: UUID, number: int) -> Fund | None:
    return session.scalar(
        sa.select(Fund).where(
            Fund.community_id == community_id, Fund.number == min(max(number, 0), NUMBER_MAX)
        )
    )


def _general(session: Session, community_id: UUID, register: FundRegister) -> Fund:
    """Return the general fund, opened if absent; the register is locked."""
    found = _numbered(session, community_id, chart.GENERAL_FUND_NUMBER)
    if found is not None:
        return found
    assert register.last_fund_number == 0, "the general fund is the first one"
    return _open(session, register, GENERAL_NAME, ("", "general", None))


def _open(
    session: Session, register: FundRegister, name: str, facts: tuple[str, str, UUID | None]
) -> Fund:
    """Take the next number and open the fund with its two accounts."""
    purpose, nonce, member_id = facts
    register.last_fund_number += 1
    session.flush()  # first: the guard asks the register for the number
    number = register.last_fund_number
    for code in (chart.fund_account_code(number), chart.donations_account_code(number)):
        chart.open_money_account(session, register.community_id, code)
    made = Fund(
        community_id=register.community_id,
        id=new_id(),
        nonce=nonce,
        number=number,
        name=name,
        purpose=purpose,
        opened_by_id=member_id,
        opened_at=clock.now(),
    )
    session.add(made)
    session.flush()
    return made
