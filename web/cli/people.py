"""Commands about communities and people: what the operator does before anybody can sign in."""

import re
import sys
from typing import Final
from zoneinfo import available_timezones

import click
import sqlalchemy as sa
from sqlalchemy.orm import Session

from timebank.actors import Actor, Role
from timebank.people import members, organisations, sign_ins
from timebank.people.errors import MemberNotFound
from timebank.people.models import Member, Street
from web.cli.book import choose_community, community_option, open_book, system_actor

ROLES: Final = click.Choice([role.value for role in Role])
CODE_PATTERN: Final = re.compile(r"[A-Z0-9]{1,4}")


def _checked_code(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not CODE_PATTERN.fullmatch(value):
        raise click.BadParameter("expected 1 to 4 capital letters or digits, such as D.")
    return value


def _checked_zone(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if value not in available_timezones():
        raise click.BadParameter("expected a time zone such as Asia/Shanghai.")
    return value


def _asked_password(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    """Ask a person twice without showing it; take one line from a script."""
    if value is not None:
        return value
    if sys.stdin.isatty():
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return asked
    return sys.stdin.readline().rstrip("\n")


password_option: Final = click.option(
    "--password",
    callback=_asked_password,
    help="Asked for when left out, without showing it; a script hands it over as a line of input.",
)


@click.group()
def community() -> None:
    """Found communities."""


@community.command("add")
@click.argument("code", callback=_checked_code)
@click.argument("name")
@click.option("--name-en", help="English name; the Chinese one if left out.")
@click.option(
    "--street", default="街道办事处", show_default=True, help="Name of the street office."
)
@click.option("--issuer", help="Full name printed on certificates; the name if left out.")
@click.option("--time-zone", default="Asia/Shanghai", show_default=True, callback=_checked_zone)
def add_community(
    code: str, name: str, name_en: str | None, street: str, issuer: str | None, time_zone: str
) -> None:
    """Found a community with its own book. CODE: 1 to 4 capital letters or digits, such as D."""
    with open_book() as book, book.database.begin() as session:
        office = session.scalars(sa.select(Street).where(Street.name == street)).first()
        if office is None:
            office = organisations.add_street(session, name=street, name_en=street)
        founded = organisations.add_community(
            session,
            office,
            code=code,
            name=name,
            name_en=name_en or name,
            issuer_name=issuer or name,
            time_zone=time_zone,
        )
    click.echo(f"{founded.name} has its book, code {founded.code}.")


@click.group()
def user() -> None:
    """Give people their sign-in, password and roles."""


@user.command("add")
@click.argument("name")
@click.option("--phone", required=True, help="What they sign in with.")
@click.option(
    "--role",
    "role_names",
    type=ROLES,
    multiple=True,
    default=(Role.VOLUNTEER.value,),
    show_default=True,
    help="May be given several times.",
)
@password_option
@community_option
def add_user(
    name: str, phone: str, role_names: tuple[str, ...], password: str, community: str | None
) -> None:
    """Add a member with a sign-in; the first password must be changed at the first sign-in."""
    with open_book() as book, book.database.begin() as session:
        actor = _actor(session, community)
        added = members.add_member(session, actor, name=name, roles=_roles(role_names))
        sign_ins.give_sign_in(session, actor, added.id, phone=phone, password=password)
    click.echo(f"{added.name} is {added.volunteer_number}.")


@user.command("password")
@click.argument("number", metavar="V0001")
@password_option
@community_option
def set_password(number: str, password: str, community: str | None) -> None:
    """Set a new first password; every browser of that person is signed out."""
    with open_book() as book, book.database.begin() as session:
        actor = _actor(session, community)
        member = _member(session, actor, number)
        sign_ins.reset_password(session, actor, member.id, password=password)
    click.echo(f"{member.name} has a new password, to be changed at the next sign-in.")


@user.command("connect")
@click.argument("number", metavar="V0001")
@click.option("--phone", required=True, help="What the person signs in with elsewhere.")
@community_option
def connect(number: str, phone: str, community: str | None) -> None:
    """Let a member sign in as a person of another community, who agrees; the password stays."""
    with open_book() as book, book.database.begin() as session:
        actor = _actor(session, community)
        member = _member(session, actor, number)
        sign_ins.connect_person(session, actor, member.id, phone=phone)
    click.echo(f"{member.name} signs in with {phone}.")


@user.command("role")
@click.argument("number", metavar="V0001")
@click.option(
    "--role",
    "role_names",
    type=ROLES,
    multiple=True,
    required=True,
    help="All the roles the member is to hold; several times for several.",
)
@community_option
def set_roles(number: str, role_names: tuple[str, ...], community: str | None) -> None:
    """Let a member hold exactly the given roles."""
    with open_book() as book, book.database.begin() as session:
        actor = _actor(session, community)
        member = _member(session, actor, number)
        members.set_roles(session, actor, member.id, roles=_roles(role_names))
    click.echo(f"{member.name} is now {', '.join(sorted(role_names))}.")


def _actor(session: Session, code: str | None) -> Actor:
    return system_actor(choose_community(session, code))


def _member(session: Session, actor: Actor, number: str) -> Member:
    """Return the member with a printed number such as V0001."""
    page = members.list_members(session, actor, search=number)
    for member in page.members:
        if member.volunteer_number == number.strip().upper():
            return member
    raise MemberNotFound


def _roles(names: tuple[str, ...]) -> frozenset[Role]:
    return frozenset(map(Role, names))
