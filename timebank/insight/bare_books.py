"""Bare books: ledgers that no community stands behind, such as an imported currency's.

A bare book has a name, accounts and transactions, and says how many decimals each of its units is
written with. Verification checks what the kernel promises of it; papers of members and shops it has
none.
"""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import N_, Invalid, NotFound, Refused
from ledger.ids import new_id
from ledger.schema import Account
from timebank import units
from timebank.insight.models import BOOK_NAME_LENGTH_MAX, Book, BookCommodity
from timebank.people.models import Community


class BookNotFound(NotFound):
    """No bare book has this name."""

    code = "book_not_found"
    message = N_("There is no book called %(name)s.")


class BookNameInvalid(Invalid):
    """A book has a short, printable name."""

    code = "book_name_invalid"
    message = N_("A book's name has 1 to %(length_max)s printable characters.")


class BookNameTaken(Refused):
    """Another book has the name."""

    code = "book_name_taken"
    message = N_("There is a book called %(name)s already.")


class CommodityDiffers(Refused):
    """The unit stands in the book with another number of decimals."""

    code = "commodity_differs"
    message = N_("%(commodity)s has %(found)s decimals in this book, not %(wanted)s.")


def found_book(session: Session, *, name: str, community_id: UUID | None = None) -> Book:
    """Found a bare book.

    Args:
        session: a write session.
        name: 1 to 60 printable characters, unique in the system; no community's code, since an
            anchor names a book by it.
        community_id: the id of a book that was exported; None makes a fresh one.

    Raises:
        BookNameInvalid: (`book_name_invalid`).
        BookNameTaken: (`book_name_taken`).
    """
    if not (1 <= len(name) <= BOOK_NAME_LENGTH_MAX and name.isprintable() and name.strip() == name):
        raise BookNameInvalid(length_max=BOOK_NAME_LENGTH_MAX)
    taken = sa.union_all(
        sa.select(Book.name).where(Book.name == name),
        sa.select(Community.code).where(Community.code == name),
    )
    if session.scalar(taken) is not None:
        raise BookNameTaken(name=name)
    book = Book(community_id=community_id or new_id(), name=name, founded_at=clock.now())
    session.add(book)
    try:
        session.flush()
    except IntegrityError as error:
        raise BookNameTaken(name=name) from error
    return book


def find_book(session: Session, *, name: str) -> Book:
    """Return the bare book of a name.

    Raises:
        BookNotFound: (`book_not_found`).
    """
    book = session.scalar(sa.select(Book).where(Book.name == name))
    if book is None:
        raise BookNotFound(name=name)
    return book


def list_books(session: Session) -> list[Book]:
    """Return every bare book by name."""
    return list(session.scalars(sa.select(Book).order_by(Book.name)))


def settle_commodity(
    session: Session, community_id: UUID, commodity: str, decimal_places: int
) -> None:
    """Say how many decimals a unit of a bare book has; what was said once stays.

    Raises:
        CommodityDiffers: it was said otherwise, or the unit moves already without a word about it
            (`commodity_differs`).
    """
    places = decimals(session, community_id)
    is_held = sa.select(Account.id).where(
        Account.community_id == community_id, Account.commodity == commodity
    )
    if commodity not in places and session.scalar(is_held.limit(1)) is None:
        row = BookCommodity(
            community_id=community_id, commodity=commodity, decimal_places=decimal_places
        )
        session.add(row)
        session.flush()
    elif places.get(commodity, 0) != decimal_places:
        raise CommodityDiffers(
            commodity=commodity, found=places.get(commodity, 0), wanted=decimal_places
        )


def decimals(session: Session, community_id: UUID) -> dict[str, int]:
    """Return the decimals of the units that a bare book has its own word about."""
    query = sa.select(BookCommodity.commodity, BookCommodity.decimal_places)
    rows = session.execute(query.where(BookCommodity.community_id == community_id))
    return {row.commodity: row.decimal_places for row in rows}


def units_of(session: Session, community_id: UUID) -> dict[str, int]:
    """Return the units of any book by name, with their decimals; a bare book says its own."""
    query = sa.select(Account.commodity).where(Account.community_id == community_id)
    said = decimals(session, community_id)
    return {
        name: said.get(name, units.decimal_places(name))
        for name in session.scalars(query.distinct().order_by(Account.commodity))
    }
