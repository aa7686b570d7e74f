"""What refers to another transaction: reversals, and holds with what resolves them."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from ledger.findings import Finding
from ledger.schema import HOLD_RESOLUTIONS, TransactionKind
from ledger.verification.book import Book
from ledger.verification.headers import Header, Linked, StoredLeg
from ledger.verification.rows import Raw, parameters

_ORIGINALS: Final = """
SELECT KEY(t.id), t.kind, KEY(t.reverses_id), MOMENT(t.expires_at),
       (SELECT count(*) FROM ledger_transaction r
         WHERE r.community_id = t.community_id AND r.reverses_id = t.id),
       (SELECT count(*) FROM ledger_transaction r
         WHERE r.community_id = t.community_id AND r.resolves_id = t.id),
       (SELECT count(*) FROM ledger_hold h
         WHERE h.community_id = t.community_id AND h.transaction_id = t.id)
  FROM ledger_transaction t WHERE t.community_id = :book AND t.id AMONG(:ids)
"""
_LEGS: Final = """
SELECT KEY(transaction_id), leg_no, leg_count, KEY(account_id), amount_minor, is_pending
  FROM ledger_posting WHERE community_id = :book AND transaction_id AMONG(:ids)
 ORDER BY transaction_id, leg_no
"""
_OPEN: Final = """
SELECT KEY(h.transaction_id), MOMENT(h.expires_at), t.kind, MOMENT(t.expires_at)
  FROM ledger_hold h
  LEFT JOIN ledger_transaction t ON t.community_id = h.community_id AND t.id = h.transaction_id
 WHERE h.community_id = :book
"""
_READ_COUNT_MAX: Final = 2_000


class Original(NamedTuple):
    """A transaction that another one refers to, and how many do."""

    id: Raw
    kind: str
    reverses_id: Raw
    expires_at: Raw
    reversal_count: int
    resolution_count: int
    open_count: int


def check(book: Book, linked: list[Linked]) -> Iterator[Finding]:
    """Check holds, resolutions and reversals of a range against what they refer to."""
    for start in range(0, len(linked), _READ_COUNT_MAX):
        yield from _check(book, linked[start : start + _READ_COUNT_MAX])


def check_open(book: Book) -> Iterator[Finding]:
    """Every row of an open hold has its header, which says the same."""
    for key, expires_at, kind, header_expires_at in book.rows.read(_OPEN):
        if kind != TransactionKind.HOLD or expires_at != header_expires_at:
            yield Finding(
                "hold_differs",
                f"hold:{book.rows.name(key)}",
                "The row of the open hold does not say what its transaction says.",
            )


def _check(book: Book, linked: list[Linked]) -> Iterator[Finding]:
    keys = {header.reverses_id or header.resolves_id or header.id for header, _ in linked}
    ids = parameters(book.rows, sorted(keys))
    originals = {row[0]: Original(*row) for row in book.rows.read(_ORIGINALS, ids=ids)}
    legs: dict[Raw, list[StoredLeg]] = {}
    for row in book.rows.read(_LEGS, ids=ids):
        legs.setdefault(row[0], []).append(StoredLeg(*row))
    for header, mine in linked:
        if header.reverses_id is not None:
            original = originals.get(header.reverses_id)
            if not _is_mirrored(original, legs.get(header.reverses_id, []), mine):
                other = book.rows.name(header.reverses_id)
                yield _finding(
                    book, header, "not_mirrored", f"It does not mirror transaction {other}."
                )
        elif header.resolves_id is not None:
            held = legs.get(header.resolves_id, [])
            problem = _resolution_problem(
                book, header, mine, originals.get(header.resolves_id), held
            )
            if problem:
                yield _finding(book, header, "resolution_differs", problem)
        else:
            yield from _hold(book, header, originals[header.id])


def _is_mirrored(original: Original | None, legs: list[StoredLeg], mirror: list[StoredLeg]) -> bool:
    return (
        original is not None
        and original.reverses_id is None
        and original.reversal_count == 1
        and [(leg.account_id, -leg.amount_minor, False) for leg in legs if not leg.is_pending]
        == [(leg.account_id, leg.amount_minor, bool(leg.is_pending)) for leg in mirror]
    )


def _hold(book: Book, header: Header, hold: Original) -> Iterator[Finding]:
    if hold.open_count + hold.resolution_count != 1:
        yield _finding(
            book, header, "hold_differs",
            f"The hold is open {hold.open_count} times and resolved {hold.resolution_count} times:"
            " it must be one of the two, once.",
        )  # fmt: skip


def _resolution_problem(
    book: Book,
    header: Header,
    legs: list[StoredLeg],
    hold: Original | None,
    held: list[StoredLeg],
) -> str | None:
    """Return what is wrong with a transaction that resolves a hold."""
    if hold is None or hold.kind != TransactionKind.HOLD or header.kind not in HOLD_RESOLUTIONS:
        return "It resolves no hold."
    if hold.resolution_count != 1 or hold.open_count:
        return "The hold is resolved more than once, or still open."
    released = [(leg.leg_no, leg.account_id, -leg.amount_minor) for leg in held]
    if released != [(leg.leg_no, *leg[3:5]) for leg in legs if leg.is_pending]:
        return "It does not give back every leg of the hold."
    posted = [leg for leg in legs if not leg.is_pending]
    if bool(posted) != (header.kind == TransactionKind.HOLD_POST):
        return "It posts where nothing is to be posted, or the other way round."
    if _posts_more(posted, held):
        return "It posts more than was held."
    if hold.expires_at is None:
        return "The hold does not say when it runs out."
    is_late = book.rows.moment(header.recorded_at) >= book.rows.moment(hold.expires_at)
    if header.kind != TransactionKind.HOLD_VOID and is_late != (
        header.kind == TransactionKind.HOLD_EXPIRE
    ):
        return "It was recorded on the wrong side of the moment when the hold ran out."
    return None


def _posts_more(posted: list[StoredLeg], held: list[StoredLeg]) -> bool:
    """Return whether more went one way in an account than was held that way."""
    room: dict[tuple[Raw, bool], int] = {}
    for leg in held:
        way = (leg.account_id, leg.amount_minor > 0)
        room[way] = room.get(way, 0) + abs(leg.amount_minor)
    for leg in posted:
        way = (leg.account_id, leg.amount_minor > 0)
        room[way] = room.get(way, 0) - abs(leg.amount_minor)
    return any(rest < 0 for rest in room.values())


def _finding(book: Book, header: Header, code: str, message: str) -> Finding:
    subject = f"transaction:{book.rows.name(header.id)}"
    return Finding(code, subject, message, book.suspect(header.block_no))
