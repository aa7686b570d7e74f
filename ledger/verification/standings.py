"""Accounts as they stand: facts and hash, balance row, bounds, open or closed, monthly activity."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from ledger.findings import UNREADABLE, Finding
from ledger.hashing import account_hash
from ledger.records import AccountFacts
from ledger.schema import ActKind
from ledger.verification.book import AccountSums, Book
from ledger.verification.rows import Raw

_BALANCES_WITHOUT_ACCOUNT: Final = """
SELECT KEY(b.account_id) FROM ledger_balance b
  LEFT JOIN ledger_account a ON a.community_id = b.community_id AND a.id = b.account_id
 WHERE b.community_id = :book AND a.id IS NULL
"""
_HELD: Final = """
SELECT KEY(p.account_id), p.amount_minor FROM ledger_hold h
  JOIN ledger_posting p ON p.community_id = h.community_id AND p.transaction_id = h.transaction_id
 WHERE h.community_id = :book
"""
_ACTIVITY: Final = """
SELECT KEY(account_id), DAY(month_on), in_minor, out_minor, posting_count
  FROM ledger_activity WHERE community_id = :book
"""
_STATES: Final = {ActKind.ACCOUNT_CLOSED: False, ActKind.ACCOUNT_REOPENED: True}

Counters = dict[Raw, tuple[int, int]]


def check_accounts(book: Book) -> Iterator[Finding]:
    """Every account is what was hashed when it was opened, its bounds included."""
    for account in book.accounts.values():
        try:
            is_whole = _hash(book, account) == account.content_hash
        except UNREADABLE:
            is_whole = False
        if not is_whole:
            yield Finding(
                "account_changed",
                f"account:{account.code}",
                "Its stored fields and bounds do not give the stored hash: something was changed.",
                book.suspect_item(account.id),
            )


def check_open(book: Book) -> Iterator[Finding]:
    """An account is closed exactly when its last act says so."""
    states = dict.fromkeys(book.accounts, True)
    for act in book.acts.values():
        if act.account_id is not None and act.kind in _STATES:
            states[act.account_id] = _STATES[ActKind(act.kind)]
    for account in book.accounts.values():
        if account.stored.is_open is not None and account.stored.is_open != states[account.id]:
            word = "open" if states[account.id] else "closed"
            yield Finding(
                "open_differs", f"account:{account.code}", f"By its last act the account is {word}."
            )


def check_bounds(book: Book) -> Iterator[Finding]:
    """Every bounded account stands within its bounds, holds included."""
    for account in book.accounts.values():
        posted_in, posted_out, pending_in, pending_out, floor, ceiling, _ = account.stored
        if posted_in is None or posted_out is None or pending_in is None or pending_out is None:
            continue
        posted_minor = posted_in - posted_out
        if (floor is not None and posted_minor - pending_out < floor) or (
            ceiling is not None and posted_minor + pending_in > ceiling
        ):
            yield Finding(
                "out_of_bounds",
                f"account:{account.code}",
                f"The balance is {posted_minor}, bounds are {floor} and {ceiling}.",
            )


def check_balances(book: Book, posted: Counters) -> Iterator[Finding]:
    """Every bounded account has one balance row, equal to what its postings and holds sum to.

    Args:
        book: the book.
        posted: what was posted into each account and out of it; none of it counts as nothing.
    """
    held: dict[Raw, list[int]] = defaultdict(lambda: [0, 0])
    for key, amount_minor in book.rows.read(_HELD):
        held[key][amount_minor < 0] += abs(amount_minor)
    for account in book.accounts.values():
        stored = account.stored[:4]
        summed = (*posted.get(account.id, (0, 0)), *held.get(account.id, (0, 0)))
        if (stored != summed) if account.is_bounded else (stored[0] is not None):
            yield Finding(
                "balance_differs",
                f"account:{account.code}",
                f"The balance row says {_said(stored)}; the postings say {_said(summed)}.",
            )
    for (key,) in book.rows.read(_BALANCES_WITHOUT_ACCOUNT):
        yield Finding(
            "balance_differs", f"account:{book.rows.name(key)}", "The balance row has no account."
        )


def check_trial_balance(book: Book, posted: Counters, *, has_pending: bool) -> Iterator[Finding]:
    """All postings of a commodity sum to zero.

    Args:
        book: the book.
        posted: what was posted into each account and out of it.
        has_pending: True checks the layer of holds too, all of whose legs were read.
    """
    sums: dict[str, int] = defaultdict(int)
    pending: dict[str, int] = defaultdict(int)
    for account in book.accounts.values():
        paid_in, paid_out = posted.get(account.id, (0, 0))
        sums[account.commodity] += paid_in - paid_out
        pending[account.commodity] += account.pending_minor if has_pending else 0
    for commodity in sums:
        for sum_minor in (sums[commodity], pending[commodity]):
            if sum_minor:
                yield Finding(
                    "trial_balance_off",
                    f"book:{book.community_id}",
                    f"All {commodity} postings of the book sum to {sum_minor}, not to zero.",
                    {"commodity": commodity, "sum_minor": sum_minor},
                )


def check_activity(book: Book) -> Iterator[Finding]:
    """The monthly activity is what the sealed postings sum to."""
    expected = {
        (account.id, f"{month}-01"): tuple(counted)
        for account in (*book.accounts.values(), *book.ghosts.values())
        for month, counted in account.months.items()
    }
    for key, month_on, *counted in book.rows.read(_ACTIVITY):
        month = _month(book, month_on)
        if expected.pop((key, month), None) != tuple(counted):
            yield _activity_finding(book, key, month)
    for key, month in expected:
        yield _activity_finding(book, key, month)


def summed(book: Book) -> Counters:
    """Return what the postings that were read sum to, by account."""
    return {account.id: account.posted() for account in book.accounts.values()}


def counted(book: Book) -> Counters:
    """Return the same from the monthly activity, and from the tail that was read."""
    counters: dict[Raw, list[int]] = defaultdict(lambda: [0, 0])
    for key, _, in_minor, out_minor, _ in book.rows.read(_ACTIVITY):
        counters[key][0] += in_minor
        counters[key][1] += out_minor
    for account in book.accounts.values():
        counters[account.id][0] += account.tail_in
        counters[account.id][1] += account.tail_out
    return {key: (paid_in, paid_out) for key, (paid_in, paid_out) in counters.items()}


def _month(book: Book, raw: Raw) -> str:
    try:
        return book.rows.day(raw)
    except UNREADABLE:
        return repr(raw)


def _activity_finding(book: Book, key: Raw, month: str) -> Finding:
    account = book.accounts.get(key)
    code = account.code if account else book.rows.name(key)
    return Finding(
        "activity_differs",
        f"activity:{code}/{month}",
        "The activity of the month is not what its sealed postings sum to.",
    )


def _said(counters: tuple[int | None, ...]) -> str:
    if counters[0] is None:
        return "no row"
    return "{} in, {} out, {} held in, {} held out".format(*counters)


def _hash(book: Book, account: AccountSums) -> bytes:
    return account_hash(
        AccountFacts(
            community_id=book.community_id,
            id=book.rows.uuid(account.id),
            code=account.code,
            commodity=account.commodity,
            is_bounded=account.is_bounded,
            floor_minor=account.stored.floor_minor,
            ceiling_minor=account.stored.ceiling_minor,
            opened_at=book.rows.datetime(account.opened_at),
        )
    )
