"""From the items of a file to drafts for the book: accounts found, amounts exact, sums at zero.

Invariant: an amount is taken digit by digit and is either exact or refused; nothing passes through
a float, and nothing is rounded.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import bulk
from ledger.base import refers
from ledger.checks import check_draft
from ledger.errors import Refusal
from ledger.journal import Draft, Leg
from ledger.schema import AMOUNT_MINOR_MAX, Account, BalanceRow
from timebank import chart, units
from timebank.insight import bare_books
from timebank.insight.file_lines import RefusedLine
from timebank.insight.import_items import Item, Part, Refuse, shown

DIGITS_MAX: Final = 32
"""More digits than any amount within the limit has, zeros in front aside."""
KEPT_ACCOUNTS_MAX: Final = 50_000
_AMOUNT: Final = re.compile(r"([+-]?)(\d+)(?:\.(\d+))?", re.ASCII)


class KnownAccount(NamedTuple):
    """An account of the book as an import needs it."""

    id: UUID
    commodity: str
    is_open: bool


class DraftOfItem(NamedTuple):
    """A draft and the item that it was made from."""

    item: Item
    draft: Draft


@dataclass(frozen=True, slots=True)
class Mark:
    """What the book keeps of where transactions came from: `actor` and `source` of each."""

    actor: str
    source: str


class Drafting:
    """Makes drafts for one book; keeps the accounts that it has met, up to a limit."""

    def __init__(self, session: Session, community_id: UUID, mark: Mark) -> None:
        """Prepare to make drafts.

        Args:
            session: any session.
            community_id: the book.
            mark: of every draft.
        """
        self._session = session
        self._community_id = community_id
        self._mark = mark
        self._places = bare_books.decimals(session, community_id)
        self.accounts: dict[str, KnownAccount] = {}

    def settle(self, commodity: str, decimal_places: int) -> None:
        """Take a unit that the book is to have as having this many decimals."""
        self._places[commodity] = decimal_places

    def missing_codes(self, items: Iterable[Item]) -> set[str]:
        """Look up the accounts of some items; return the codes that the book does not have."""
        if len(self.accounts) > KEPT_ACCOUNTS_MAX:
            self.accounts.clear()
        wanted = {part.account_code for item in items for part in item.parts}
        missing = wanted - self.accounts.keys()
        query = (
            sa.select(Account.code, Account.id, Account.commodity, BalanceRow.is_open)
            .outerjoin(BalanceRow, refers(BalanceRow.account_id, Account))
            .where(Account.community_id == self._community_id)
        )
        found = bulk.rows_by_key(self._session, query, Account.code, sorted(missing))
        for code, id_, commodity, is_open in found:
            self.accounts[code] = KnownAccount(id_, commodity, is_open is not False)
        return missing - self.accounts.keys()

    def drafts(self, items: Sequence[Item], refuse: Refuse) -> list[DraftOfItem]:
        """Return the drafts of the items that are sound, in their order.

        Args:
            items: some of the file, whose accounts were looked up.
            refuse: told of everything that is wrong with the others.
        """
        made = ((item, self._draft(item, refuse)) for item in items)
        return [DraftOfItem(item, draft) for item, draft in made if draft is not None]

    def _draft(self, item: Item, refuse: Refuse) -> Draft | None:
        legs: list[Leg] = []
        sums: dict[str, int] = {}
        refused_line_number = 0  # both legs of a transfer stand on one line: it is refused once
        for part in item.parts:
            if part.line_number == refused_line_number:
                continue
            found = self._leg(part, refuse)
            if found is None:
                item.is_sound = False
                refused_line_number = part.line_number
            else:
                leg, commodity = found
                legs.append(leg)
                sums[commodity] = sums.get(commodity, 0) + leg.amount_minor
        if not item.is_sound or item.occurred_on is None:
            return None
        draft = Draft(
            item.kind,
            tuple(legs),
            item.occurred_on,
            item.key,
            self._mark.actor,
            self._mark.source,
            item.narration,
        )
        refused = self._wrong(item, draft, sums)
        if refused is not None:
            refuse(refused)
        return draft if refused is None else None

    def _wrong(self, item: Item, draft: Draft, sums: dict[str, int]) -> RefusedLine | None:
        try:
            check_draft(draft)
        except Refusal as refused:
            return RefusedLine(item.line_number, "", refused.code, str(refused))
        for commodity, sum_minor in sums.items():
            if sum_minor:
                amount = units.with_decimals(sum_minor, self._decimals(commodity))
                reason = f"The {commodity} amounts of {shown(item.key)} sum to {amount}, not to 0."
                return RefusedLine(item.line_number, "amount", "unbalanced", reason)
        if {chart.POINT, chart.CNY} <= sums.keys():
            reason = f"{shown(item.key)} moves points and money: one never becomes the other."
            return RefusedLine(item.line_number, "commodity", "points_and_money", reason)
        return None

    def _leg(self, part: Part, refuse: Refuse) -> tuple[Leg, str] | None:
        account = self.accounts.get(part.account_code)
        if account is None:
            reason = f"There is no account {shown(part.account_code)} in this book."
            refuse(RefusedLine(part.line_number, "account", "unknown_account", reason))
            return None
        if part.account_code.startswith(chart.MOVED_BY_TWO):
            reason = f"{part.account_code} is moved by two people at the desk, not by a file."
            refuse(RefusedLine(part.line_number, "account", "two_people_needed", reason))
            return None
        if part.commodity not in {"", account.commodity}:
            reason = f"{part.account_code} holds {account.commodity}, not {shown(part.commodity)}."
            refuse(RefusedLine(part.line_number, "commodity", "wrong_commodity", reason))
            return None
        amount = amount_minor(part, self._decimals(account.commodity))
        if isinstance(amount, RefusedLine):
            refuse(amount)
            return None
        return Leg(account.id, amount), account.commodity

    def _decimals(self, commodity: str) -> int:
        found = self._places.get(commodity)
        return units.decimal_places(commodity) if found is None else found


def amount_minor(part: Part, decimal_places: int) -> int | RefusedLine:
    """Return an amount in smallest units, exactly, or why it is none."""

    def refused(code: str, reason: str) -> RefusedLine:
        return RefusedLine(part.line_number, "amount", code, reason)

    matched = _AMOUNT.fullmatch(part.amount)
    if matched is None:
        wanted = "digits, and decimals behind a point" if decimal_places else "digits"
        return refused("amount_invalid", f"Expected {wanted}, not {shown(part.amount)}.")
    sign, whole, decimals = matched[1], matched[2].lstrip("0"), (matched[3] or "").rstrip("0")
    if len(decimals) > decimal_places:
        reason = f"{shown(part.amount)} has more than {decimal_places} decimals."
        return refused("amount_too_fine", reason)
    digits = whole + decimals.ljust(decimal_places, "0")
    value = int(digits or "0") if len(digits) <= DIGITS_MAX else AMOUNT_MINOR_MAX + 1
    if not 1 <= value <= AMOUNT_MINOR_MAX:
        limit = units.with_decimals(AMOUNT_MINOR_MAX, decimal_places)
        reason = f"{shown(part.amount)} is zero or beyond {limit}."
        return refused("amount_out_of_range", reason)
    return -value if sign == "-" else value
