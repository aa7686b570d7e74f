"""Streets and communities: who they are and the parameters of their books."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ledger.columns import Text
from ledger.ids import new_id
from timebank import audit, chart
from timebank.actors import Actor
from timebank.people.errors import CommunityCodeTaken, CommunityNotFound
from timebank.people.models import Community, Street
from timebank.people.names import checked_name


def add_street(session: Session, *, name: str, name_en: str) -> Street:
    """Add a street office; done by the operator, before anybody can sign in."""
    street = Street(id=new_id(), name=checked_name(name), name_en=checked_name(name_en))
    session.add(street)
    session.flush()
    return street


def add_community(
    session: Session, street: Street, *, code: str, name: str, name_en: str, **parameters: object
) -> Community:
    """Add a community with its book: its system accounts are opened at once. Done by the operator.

    Args:
        session: a write session.
        street: the street office it belongs to.
        code: 1 to 4 capital letters or digits; certificate numbers begin with it.
        name: Chinese name, such as D社区.
        name_en: English name.
        parameters: further columns of `Community`: issuer_name, issuer_contact and responsible_name
            (printed on certificates), time_zone,
            pin_above_points, redeem_points_per_day_max.

    Raises:
        CommunityCodeTaken: (`community_code_taken`).
        NameInvalid: (`name_invalid`).
    """
    community = Community(
        community_id=new_id(),
        street_id=street.id,
        code=code,
        name=checked_name(name),
        name_en=checked_name(name_en),
        **{"issuer_name": name, "issuer_contact": "", "responsible_name": "", **parameters},
    )
    # A bare book's name is taken too: an anchor names either kind of book by this one word. (Only
    # its table is named here, since the area of imports stands on this one.)
    bare_book = sa.table("book", sa.column("name", Text))
    taken = sa.union_all(
        sa.select(Community.code).where(Community.code == code),
        sa.select(bare_book.c.name).where(bare_book.c.name == code),
    )
    if session.scalar(taken) is not None:
        raise CommunityCodeTaken(community_code=code)
    session.add(community)
    try:
        session.flush()
    except IntegrityError as error:
        raise CommunityCodeTaken(community_code=code) from error
    chart.open_system_accounts(session, community.community_id)
    actor = Actor.system(community.community_id, "set-up")
    audit.record(session, actor, "add_community", f"community:{community.community_id}", code=code)
    return community


def find_community(session: Session, *, code: str) -> Community:
    """Return the community with a code.

    Raises:
        CommunityNotFound: (`community_not_found`).
    """
    community = session.scalar(sa.select(Community).where(Community.code == code))
    if community is None:
        raise CommunityNotFound
    return community


def get_community(session: Session, community_id: UUID) -> Community:
    """Return a community that is known to exist."""
    return session.scalars(sa.select(Community).where(Community.community_id == community_id)).one()


def list_communities(session: Session) -> list[Community]:
    """Return every community by code."""
    return list(session.scalars(sa.select(Community).order_by(Community.code)))


def is_alive(session: Session) -> bool:
    """Tell whether the book answers."""
    return session.scalar(sa.select(sa.literal(1))) == 1
