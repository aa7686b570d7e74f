"""The chart of accounts: names, opens and finds the accounts of a book.

| code | commodity | bounded |
|---|---|---|
| `Issuance:Service`, `Issuance:Points` | SERVICE, POINT | no, insert-only |
| `Members:V0001:Service`, `Members:V0001:Points` | SERVICE, POINT | floor 0 |
| `Shop:Redeemed` | POINT | no, insert-only |
| `Goods:0001:Intake`, `Goods:0001:Out` | GOODS-0001 | no, insert-only |
| `Goods:0001:Stock` | GOODS-0001 | floor 0, ceiling 1 for a single piece |
| `Goods:0001:Adjusted`, `:WrittenOff`, `:Recycled`, `:Gifts` | GOODS-0001 | no, insert-only |
| `Cash:Till:1`, `Cash:Safe` | CNY | floor 0 |
| `Income:Sales`, `Expenses:CashDifferences`, `Equity:Deposits` | CNY | no, insert-only |
| `Fund:General` | CNY | floor 0 |

Every part of a code begins with a capital letter or a digit, so that hledger, ledger and beancount
take it as it is.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.journal import open_account
from ledger.schema import Account

SERVICE: Final = "SERVICE"
POINT: Final = "POINT"
CNY: Final = "CNY"
SERVICE_ISSUANCE: Final = "Issuance:Service"
POINTS_ISSUANCE: Final = "Issuance:Points"
SHOP_REDEEMED: Final = "Shop:Redeemed"
SAFE: Final = "Cash:Safe"
SALES: Final = "Income:Sales"
CASH_DIFFERENCES: Final = "Expenses:CashDifferences"
DEPOSITS: Final = "Equity:Deposits"
"""Where money comes from that somebody puts into the safe to begin with."""
GENERAL_FUND: Final = "Fund:General"
ADJUSTED: Final = "Adjusted"
WRITTEN_OFF: Final = "WrittenOff"
RECYCLED: Final = "Recycled"
GIFTS: Final = "Gifts"
SYSTEM_ACCOUNTS: Final = {
    SERVICE_ISSUANCE: SERVICE,
    POINTS_ISSUANCE: POINT,
    SHOP_REDEEMED: POINT,
}


@dataclass(frozen=True, slots=True)
class MemberAccounts:
    """The accounts of one member."""

    service_id: UUID
    points_id: UUID


@dataclass(frozen=True, slots=True)
class ItemAccounts:
    """The accounts of one kind of goods."""

    intake_id: UUID
    stock_id: UUID
    out_id: UUID


# ---------------------------------------------------------------- names


def volunteer_number(number: int) -> str:
    """Return the printed number, such as V0001."""
    return f"V{number:04d}"


def service_account_code(number: int) -> str:
    """Return the code of a member's account of recorded service."""
    return f"Members:{volunteer_number(number)}:Service"


def points_account_code(number: int) -> str:
    """Return the code of a member's account of points."""
    return f"Members:{volunteer_number(number)}:Points"


def goods_commodity(item_number: int) -> str:
    """Return the commodity of one kind of goods, such as GOODS-0001."""
    return f"GOODS-{item_number:04d}"


def stock_account_code(item_number: int) -> str:
    """Return the code of the shelf of one kind of goods."""
    return f"Goods:{item_number:04d}:Stock"


def goods_account_code(item_number: int, name: str) -> str:
    """Return the code of where pieces go that are not sold, such as Goods:0001:Gifts."""
    return f"Goods:{item_number:04d}:{name}"


def till_account_code(till_number: int) -> str:
    """Return the code of the drawer of one till."""
    return f"Cash:Till:{till_number}"


# ---------------------------------------------------------------- opening


def open_system_accounts(session: Session, community_id: UUID) -> None:
    """Open the accounts that every book has; those that are open already stay as they are."""
    for code, commodity in SYSTEM_ACCOUNTS.items():
        open_account(session, community_id, code=code, commodity=commodity)


def open_member_accounts(session: Session, community_id: UUID, number: int) -> MemberAccounts:
    """Open a member's accounts; neither falls below zero."""
    service = open_account(
        session,
        community_id,
        code=service_account_code(number),
        commodity=SERVICE,
        floor_minor=0,
    )
    points = open_account(
        session, community_id, code=points_account_code(number), commodity=POINT, floor_minor=0
    )
    return MemberAccounts(service_id=service.id, points_id=points.id)


def open_item_accounts(
    session: Session, community_id: UUID, item_number: int, *, is_single: bool = False
) -> ItemAccounts:
    """Open the accounts of one kind of goods.

    The shelf does not fall below zero, and of a single piece it never holds a second one.
    """
    commodity = goods_commodity(item_number)
    prefix = f"Goods:{item_number:04d}"
    intake = open_account(session, community_id, code=f"{prefix}:Intake", commodity=commodity)
    stock = open_account(
        session,
        community_id,
        code=stock_account_code(item_number),
        commodity=commodity,
        floor_minor=0,
        ceiling_minor=1 if is_single else None,
    )
    out = open_account(session, community_id, code=f"{prefix}:Out", commodity=commodity)
    return ItemAccounts(intake_id=intake.id, stock_id=stock.id, out_id=out.id)


def open_goods_account(session: Session, community_id: UUID, item_number: int, name: str) -> UUID:
    """Return where pieces go that are not sold; it is opened when it is first used.

    Args:
        session: write session.
        community_id: the book.
        item_number: which goods.
        name: `ADJUSTED`, `WRITTEN_OFF`, `RECYCLED` or `GIFTS`.
    """
    code = goods_account_code(item_number, name)
    return open_account(session, community_id, code=code, commodity=goods_commodity(item_number)).id


def open_money_account(session: Session, community_id: UUID, code: str) -> UUID:
    """Return an account of money; it is opened when it is first used.

    Where money lies (`Cash:…`, `Fund:…`) it does not fall below zero.

    Args:
        session: write session.
        community_id: the book.
        code: colon path.
    """
    holds_money = code.startswith(("Cash:", "Fund:"))
    floor = 0 if holds_money else None
    return open_account(session, community_id, code=code, commodity=CNY, floor_minor=floor).id


# ---------------------------------------------------------------- finding


def system_accounts(session: Session, community_id: UUID) -> dict[str, UUID]:
    """Return the ids of the book's system accounts by code, with one statement."""
    rows = session.execute(
        sa.select(Account.code, Account.id).where(
            Account.community_id == community_id, Account.code.in_(SYSTEM_ACCOUNTS)
        )
    )
    found: dict[str, UUID] = {row.code: row.id for row in rows}
    assert found.keys() == SYSTEM_ACCOUNTS.keys(), "a community is made with its accounts"
    return found


def find_account_id(session: Session, community_id: UUID, code: str) -> UUID | None:
    """Return the id of an account, or None before it was opened."""
    return session.scalar(
        sa.select(Account.id).where(Account.community_id == community_id, Account.code == code)
    )


def service_issuance_id(session: Session, community_id: UUID) -> UUID:
    """Return where recorded service comes from."""
    return system_accounts(session, community_id)[SERVICE_ISSUANCE]


def points_issuance_id(session: Session, community_id: UUID) -> UUID:
    """Return where points come from."""
    return system_accounts(session, community_id)[POINTS_ISSUANCE]


def shop_redeemed_id(session: Session, community_id: UUID) -> UUID:
    """Return where redeemed points go."""
    return system_accounts(session, community_id)[SHOP_REDEEMED]
