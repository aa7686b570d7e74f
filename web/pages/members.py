"""The desk's list of volunteers: search, sort, export, add."""

from typing import Any

import marshmallow as ma
from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from timebank.actors import Permission
from timebank.errors import Refusal
from timebank.ids import new_id
from timebank.people import members, sign_ins
from timebank.people.members import MemberOrder
from timebank.people.models import NAME_LENGTH_MAX
from web import words
from web.api import Args
from web.auth import allow, current_actor
from web.csv_files import csv_response
from web.fields import Choice, Identifier, Phone, Text, WholeNumber
from web.forms import Form
from web.i18n import N_, _
from web.menu import Entry
from web.session import begin, reading

blueprint = Blueprint("members", __name__, url_prefix="/desk/members")

MENU = (Entry("members.list_all", N_("Volunteers"), "people", Permission.MANAGE_MEMBERS, order=40),)
PAGE_SIZE = 50
PAGES_MAX = 10_000
MANAGE = Permission.MANAGE_MEMBERS


class ListQuery(ma.Schema):
    """Search, order and page of the list."""

    class Meta:
        """Options of marshmallow: a link may carry more than we know."""

        unknown = ma.EXCLUDE

    search = Text(length_max=NAME_LENGTH_MAX, load_default="", metadata={"label": N_("Search")})
    order = Choice(MemberOrder, load_default=MemberOrder.NUMBER)
    page = WholeNumber(minimum=1, maximum=PAGES_MAX, load_default=1)


class AddForm(Args):
    """A new member, with a sign-in if a phone number is given."""

    id = Identifier(required=True, metadata={"label": N_("Form")})
    name = Text(
        required=True, length_min=1, length_max=NAME_LENGTH_MAX, metadata={"label": N_("Name")}
    )
    team = Text(length_max=members.TEAM_LENGTH_MAX, load_default="", metadata={"label": N_("Team")})
    phone = Phone(load_default="", metadata={"label": N_("Phone number")})


# ---------------------------------------------------------------- the list


@blueprint.get("/")
@allow(MANAGE)
def list_all() -> str:
    """Show the members, searched and sorted."""
    query = Form.read(ListQuery, request.args)
    wanted: dict[str, Any] = query.data or {"search": "", "order": MemberOrder.NUMBER, "page": 1}
    with reading() as session:
        page = members.list_members(
            session,
            current_actor(),
            search=wanted["search"],
            order=wanted["order"],
            limit=PAGE_SIZE,
            offset=(wanted["page"] - 1) * PAGE_SIZE,
        )
    return render_template(
        "members/list.html",
        form=query,
        page=page,
        search=wanted["search"],
        order=wanted["order"],
        number=wanted["page"],
        page_count=max(1, -(-page.total_count // PAGE_SIZE)),
    )


@blueprint.get("/export.csv")
@allow(MANAGE)
def export() -> Response:
    """Return every member as CSV."""
    with reading() as session:
        page = members.list_members(session, current_actor(), limit=members.LIST_COUNT_MAX)
    header = [_("Number"), _("Name"), _("Team"), _("Standing"), _("Since")]
    rows = (
        (
            member.volunteer_number,
            member.name,
            member.team,
            words.status(member.status),
            member.joined_on.isoformat(),
        )
        for member in page.members
    )
    return csv_response("members.csv", header, rows)


# ---------------------------------------------------------------- adding


@blueprint.get("/new")
@allow(MANAGE)
def new() -> str:
    """Show the form for a new member."""
    return render_template("members/new.html", form=Form(AddForm, {"id": new_id()}))


@blueprint.post("/new")
@allow(MANAGE)
def add() -> Response | str | tuple[str, int]:
    """Add a member; with a phone number also a sign-in, whose first password is shown once."""
    form = Form.read(AddForm)
    if not form.is_valid:
        return render_template("members/new.html", form=form), form.status
    password = sign_ins.new_first_password()
    data = form.data
    try:
        with begin() as session:
            member = members.add_member(
                session,
                current_actor(),
                name=data["name"],
                team=data["team"],
                member_id=data["id"],
            )
            is_new_sign_in = bool(data["phone"]) and member.person_id is None
            if is_new_sign_in:
                sign_ins.give_sign_in(
                    session, current_actor(), member.id, phone=data["phone"], password=password
                )
    except Refusal as refusal:
        form.refuse(refusal, "phone" if refusal.code.startswith("phone") else "name")
        return render_template("members/new.html", form=form), refusal.status
    if is_new_sign_in:
        return render_template(
            "members/first_password.html", member=member, phone=data["phone"], password=password
        )
    flash(_("%(name)s is %(number)s.", name=member.name, number=member.volunteer_number), "ok")
    return redirect(url_for("member.show", member_id=member.id))
