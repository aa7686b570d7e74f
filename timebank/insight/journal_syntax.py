"""How hledger, ledger and beancount write a book.

Words: a *syntax* turns accounts, transactions and closing balances into lines. A closing balance is
an assertion: the program that reads the file adds up for itself and refuses another figure.

hledger and ledger share their grammar; hledger alone asks for a decimal mark in the declaration of
a unit. Both quote a unit that holds a digit, beancount does not. Beancount knows five root accounts
and no others, so there every account stands below `Assets`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Protocol
from uuid import UUID

from timebank import units

BEANCOUNT_ROOT: Final = "Assets"
BEANCOUNT_BEGINNING: Final = date(1970, 1, 1)
"""Accounts are opened on this day: a back-dated entry may be older than the account's own row."""
CLOSING_NARRATION: Final = "Balances as the book holds them"
_ONE_LINE: Final = str.maketrans({"\n": " ", "\r": " ", "\t": " ", ";": ","})
_QUOTED: Final = str.maketrans({"\n": " ", "\r": " ", "\\": "\\\\", '"': '\\"'})


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account as a journal names it."""

    id: UUID
    code: str
    commodity: str


@dataclass(frozen=True, slots=True)
class Amount:
    """A signed number of smallest units on an account."""

    code: str
    commodity: str
    amount_minor: int
    decimal_places: int

    @property
    def written(self) -> str:
        """Return the amount as a journal writes it: 150, or 12.50 of a unit with cents."""
        return units.with_decimals(self.amount_minor, self.decimal_places)


@dataclass(frozen=True, slots=True)
class Heading:
    """What a journal says about a transaction besides its amounts."""

    id: UUID
    occurred_on: date
    kind: str
    source: str
    narration: str


class Syntax(Protocol):
    """How one outside program writes a book; every line ends with its line end."""

    def commodity(self, name: str, decimal_places: int) -> Iterator[str]:
        """Declare a unit."""

    def account(self, account: AccountLine) -> Iterator[str]:
        """Declare an account."""

    def transaction(self, heading: Heading, amounts: Iterable[Amount]) -> Iterator[str]:
        """Write one balanced transaction."""

    def closing(self, day: date, balances: Iterable[Amount]) -> Iterator[str]:
        """Assert what the balances are after the last transaction, which was on `day`."""


class LedgerSyntax:
    """The grammar of ledger."""

    def commodity(self, name: str, _decimal_places: int) -> Iterator[str]:
        """Declare a unit."""
        yield f"commodity {self._unit(name)}\n"

    def account(self, account: AccountLine) -> Iterator[str]:
        """Declare an account."""
        yield f"account {account.code}\n"

    def transaction(self, heading: Heading, amounts: Iterable[Amount]) -> Iterator[str]:
        """Write one balanced transaction; its id stands where a cheque's number would."""
        narration = heading.narration.translate(_ONE_LINE).strip()
        yield f"\n{heading.occurred_on} ({heading.id}) {narration or heading.kind}\n"
        yield f"    ; {heading.kind} from {heading.source.replace(':', ' ')}\n"
        for amount in amounts:
            yield f"    {amount.code}  {amount.written} {self._unit(amount.commodity)}\n"

    def closing(self, day: date, balances: Iterable[Amount]) -> Iterator[str]:
        """Assert the balances in a transaction that moves nothing."""
        yield f"\n{day} {CLOSING_NARRATION}\n"
        for amount in balances:
            unit = self._unit(amount.commodity)
            yield f"    {amount.code}  0 {unit} = {amount.written} {unit}\n"

    @staticmethod
    def _unit(name: str) -> str:
        return name if name.isalpha() else f'"{name}"'


class HledgerSyntax(LedgerSyntax):
    """The grammar of hledger."""

    def commodity(self, name: str, decimal_places: int) -> Iterator[str]:
        """Declare a unit, with the decimal mark that hledger insists on."""
        yield f"commodity 1000.{'0' * decimal_places} {self._unit(name)}\n"


class BeancountSyntax:
    """The grammar of beancount."""

    def commodity(self, name: str, _decimal_places: int) -> Iterator[str]:
        """Declare a unit."""
        yield f"{BEANCOUNT_BEGINNING} commodity {name}\n"

    def account(self, account: AccountLine) -> Iterator[str]:
        """Open an account for its one unit."""
        yield f"{BEANCOUNT_BEGINNING} open {self._code(account.code)} {account.commodity}\n"

    def transaction(self, heading: Heading, amounts: Iterable[Amount]) -> Iterator[str]:
        """Write one balanced transaction."""
        yield f'\n{heading.occurred_on} * "{heading.narration.translate(_QUOTED)}"\n'
        yield f'  id: "{heading.id}"\n'
        yield f'  kind: "{heading.kind.translate(_QUOTED)}"\n'
        yield f'  source: "{heading.source.translate(_QUOTED)}"\n'
        for amount in amounts:
            yield f"  {self._code(amount.code)}  {amount.written} {amount.commodity}\n"

    def closing(self, day: date, balances: Iterable[Amount]) -> Iterator[str]:
        """Assert the balances; beancount checks at the beginning of a day, so on the next one."""
        after = day + timedelta(days=1)
        yield "\n"
        for amount in balances:
            code = self._code(amount.code)
            yield f"{after} balance {code}  {amount.written} {amount.commodity}\n"

    @staticmethod
    def _code(code: str) -> str:
        return f"{BEANCOUNT_ROOT}:{code}"
