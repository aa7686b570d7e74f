"""What the rules of the fund share: who acts, which number comes next, how a leg is booked."""

from datetime import date
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.columns import Key
from ledger.journal import Draft, Leg, post
from ledger.schema import TransactionKind
from timebank import units
from timebank.actors import Actor, Permission
from timebank.chart import CNY
from timebank.commons.errors import AmountInvalid, DayToCome, FundTextInvalid, PersonNeeded
from timebank.commons.models import AMOUNT_FEN_MAX, REASON_LENGTH_MAX, FundRegister
from timebank.people.errors import MemberNotFound
from timebank.people.models import Community, Member
from timebank.shop.errors import ReasonInvalid

NUMBER_MAX: Final = 10**8

# ON CONFLICT is spelled alike on both databases, but SQLAlchemy has no common construct for it. The
# WHERE spares the refusal of the trigger that stands against REPLACE; the ON CONFLICT decides
# between two first uses.
_OPEN = sa.text(
    "INSERT INTO fund_register"
    " (community_id, last_receipt_number, last_fund_number, last_project_number)"
    " SELECT :community_id, 0, 0, 0"
    " WHERE NOT EXISTS (SELECT 1 FROM fund_register WHERE community_id = :community_id)"
    " ON CONFLICT (community_id) DO NOTHING"
).bindparams(sa.bindparam("community_id", type_=Key))


def person(actor: Actor, permission: Permission) -> UUID:
    """Return the member who acts; the system moves no money.

    Raises:
        NotAllowed: not_allowed; PersonNeeded: person_needed.
    """
    actor.require(permission)
    if actor.member_id is None:
        raise PersonNeeded
    return actor.member_id


def locked_register(session: Session, community_id: UUID) -> FundRegister:
    """Return the register, made if absent, locked until the transaction ends."""
    session.execute(_OPEN, {"community_id": community_id})
    return session.scalars(
        sa.select(FundRegister)
        .where(FundRegister.community_id == community_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def member_numbered(session: Session, actor: Actor, number: int | None) -> Member | None:
    """Return the member with a volunteer number; None for None.

    Raises:
        MemberNotFound: member_not_found.
    """
    if number is None:
        return None
    found = session.scalar(
        sa.select(Member).where(
            Member.community_id == actor.community_id, Member.number == min(number, NUMBER_MAX)
        )
    )
    if found is None:
        raise MemberNotFound
    return found


def today(session: Session, community_id: UUID) -> date:
    """Return the present day on the community's calendar."""
    return clock.today(session.get_one(Community, community_id).time_zone)


def book(  # noqa: PLR0913  # the facts of one entry of two legs
    session: Session,
    actor: Actor,
    *,
    legs: tuple[UUID, UUID],
    amount_fen: int,
    key: str,
    source: str,
    occurred_on: date,
    narration: str,
) -> UUID:
    """Move money from the first account to the second; return the transaction."""
    draft = Draft(
        kind=TransactionKind.FUND,
        legs=(Leg(legs[0], -amount_fen), Leg(legs[1], amount_fen)),
        occurred_on=occurred_on,
        idempotency_key=key,
        actor=actor.reference,
        source=source,
        narration=narration,
    )
    return post(session, actor.community_id, draft).transaction_id


def yuan(amount_fen: int) -> str:
    """Return fen as yuan with two decimals, exactly."""
    return units.written(amount_fen, CNY)


def check_amount(amount_fen: int) -> None:
    """Refuse an amount that cannot be booked."""
    if not 1 <= amount_fen <= AMOUNT_FEN_MAX:
        raise AmountInvalid(yuan_max=yuan(AMOUNT_FEN_MAX))


def check_day(session: Session, community_id: UUID, day: date) -> None:
    """Refuse a day to come."""
    if day > today(session, community_id):
        raise DayToCome(day=day.isoformat())


def checked(field: str, text: str, length_max: int, length_min: int = 1) -> str:
    """Return a text without blanks around it, its length in range.

    Raises:
        FundTextInvalid: fund_text_invalid.
    """
    stripped = text.strip()
    if not length_min <= len(stripped) <= length_max or "\0" in stripped:
        raise FundTextInvalid(field=field, length_min=length_min, length_max=length_max)
    return stripped


def checked_reason(reason: str) -> str:
    """Return a reason; there is always one.

    Raises:
        ReasonInvalid: reason_invalid.
    """
    stripped = reason.strip()
    if not 1 <= len(stripped) <= REASON_LENGTH_MAX or "\0" in stripped:
        raise ReasonInvalid(length_max=REASON_LENGTH_MAX)
    return stripped


def names_of(
    session: Session, actor: Actor, member_ids: set[UUID | None]
) -> dict[UUID | None, str]:
    """Return the names of members by their ids; nobody has none."""
    rows = session.execute(
        sa.select(Member.id, Member.name).where(
            Member.community_id == actor.community_id, Member.id.in_(member_ids - {None})
        )
    )
    return {None: "", **{row.id: row.name for row in rows}}
