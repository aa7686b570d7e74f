"""The shop window: what a volunteer finds on the shelf, and what has just gone.

Words: goods are *new* for a week after they came; *sold out* goods stand behind those on the shelf,
the newest first, so that a reader sees what neighbours make.

Invariant: a page of the window takes three statements, four where something is reserved.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from timebank.actors import Actor, Permission
from timebank.shop.models import Item
from timebank.shop.stock import SEARCH_LENGTH_MAX, ShelfEntry, read_entries

NEW_FOR: Final = timedelta(days=7)
SOLD_OUT_MAX: Final = 12


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the reader looks for.

    Args:
        text: part of the name, the category or the maker's name; empty finds everything.
        category: the whole category; empty finds every one.
        is_new: only what came within a week.
    """

    text: str = ""
    category: str = ""
    is_new: bool = False

    @property
    def is_everything(self) -> bool:
        """Whether nothing was asked for."""
        return not (self.text or self.category or self.is_new)


@dataclass(frozen=True, slots=True)
class Window:
    """What was found: on the shelf, sold out, and the categories there are."""

    on_shelf: list[ShelfEntry]
    sold_out: list[ShelfEntry]
    categories: list[str]


def read_window(session: Session, actor: Actor, *, wanted: Wanted) -> Window:
    """Return what a volunteer can have, and what has gone: priced in points or in cash.

    Args:
        session: read-only.
        actor: any member.
        wanted: what they look for.
    """
    actor.require(Permission.SEE_OWN_RECORD)
    entries = read_entries(session, actor, sa.and_(_is_priced(), *_conditions(wanted)))
    return Window(
        on_shelf=[entry for entry in entries if entry.available > 0],
        sold_out=[entry for entry in entries if entry.available <= 0][:SOLD_OUT_MAX],
        categories=list_categories(session, actor),
    )


def list_categories(session: Session, actor: Actor) -> list[str]:
    """Return the categories that goods have, in the order of their names."""
    actor.require(Permission.SEE_OWN_RECORD)
    categories = session.scalars(
        sa.select(Item.category)
        .where(Item.community_id == actor.community_id, Item.category != "")
        .distinct()
        .order_by(Item.category)
    )
    return list(categories)


def is_new(item: Item) -> bool:
    """Tell whether goods came within a week."""
    return item.created_at >= clock.now() - NEW_FOR


def _is_priced() -> sa.ColumnElement[bool]:
    return sa.or_(Item.price_points.is_not(None), Item.price_fen.is_not(None))


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    text = wanted.text.strip()[:SEARCH_LENGTH_MAX]
    if text:
        columns = (Item.name, Item.category, Item.maker_name)
        conditions.append(sa.or_(*(column.icontains(text, autoescape=True) for column in columns)))
    if wanted.category:
        conditions.append(Item.category == wanted.category)
    if wanted.is_new:
        conditions.append(Item.created_at >= clock.now() - NEW_FOR)
    return conditions
