"""The desk's fund: what lies in it, donations of money and their receipts, restricted funds."""

from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as AnyResponse

from timebank import clock
from timebank.actors import Permission
from timebank.commons import donations, funds, reversals
from timebank.commons.common import names_of
from timebank.commons.errors import NotCounted
from timebank.commons.models import DonationState
from timebank.errors import Refusal
from timebank.people.organisations import get_community
from web.auth import allow, current_actor, current_standing
from web.decisions import decide
from web.forms import Form
from web.fund_paper import receipt_pdf
from web.i18n import N_, _
from web.menu import Entry
from web.pages.basket import new_nonce
from web.pages.fund_forms import DonationForm, FundForm, ReasonForm, gift
from web.session import begin, keys, reading

blueprint = Blueprint("fund", __name__, url_prefix="/desk/fund")

RECEIVE = Permission.RECEIVE_MONEY
MENU = (Entry("fund.show", N_("Fund"), "piggy-bank", RECEIVE, order=70),)
FIELDS = {
    "amount_invalid": "amount",
    "day_to_come": "received_on",
    "fund_not_found": "fund",
    "member_not_found": "donor_number",
    "own_donation": "donor_number",
}
"""The field at which a refusal is shown."""
Answer = AnyResponse | str | tuple[str, int]


@blueprint.get("/")
@allow(RECEIVE)
def show() -> str:
    """Show what lies in the funds, and the newest donations."""
    with reading() as session:
        actor = current_actor()
        found = funds.list_funds(session, actor)
        given = donations.list_donations(session, actor)
    return render_template(
        "fund/show.html", funds=found, given=given, may_open=actor.may(Permission.RELEASE_MONEY)
    )


@blueprint.get("/new")
@allow(Permission.RELEASE_MONEY)
def ask_fund() -> str:
    """Show the form of a restricted fund."""
    return render_template("fund/new_fund.html", form=Form(FundForm, {"nonce": new_nonce()}))


@blueprint.post("/new")
@allow(Permission.RELEASE_MONEY)
def open_fund() -> Answer:
    """Open a restricted fund."""
    form = Form.read(FundForm)
    if form.is_valid:
        try:
            with begin() as session:
                name = funds.open_fund(session, current_actor(), **form.data).name
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            flash(_("The fund “%(name)s” is open.", name=name), "ok")
            return redirect(url_for("fund.show"))
    return render_template("fund/new_fund.html", form=form), form.status


@blueprint.get("/donations/new")
@allow(RECEIVE)
def ask_donation() -> str:
    """Show the form of a donation of money."""
    today = clock.today(current_standing().community.time_zone)
    values = {"nonce": new_nonce(), "received_on": today.isoformat(), "method": "cash"}
    return _donation_form(Form(DonationForm, values))


@blueprint.post("/donations/new")
@allow(RECEIVE)
def record() -> Answer:
    """Record a donation; somebody else counts it."""
    form = Form.read(DonationForm)
    if form.is_valid:
        try:
            with begin() as session:
                made = donations.record(session, current_actor(), keys(), gift=gift(form.data))
                donation_id = made.id
        except Refusal as refusal:
            form.refuse(refusal, FIELDS.get(refusal.code, ""))
        else:
            flash(_("Recorded. Somebody else counts the money; then there is a receipt."), "ok")
            return redirect(url_for("fund.donation", donation_id=donation_id))
    return _donation_form(form), form.status


@blueprint.get("/donations/<uuid:donation_id>")
@allow(RECEIVE)
def donation(donation_id: UUID) -> str:
    """Show a donation with what can be done about it."""
    with reading() as session:
        actor = current_actor()
        given = donations.find(session, actor, donation_id=donation_id)
        undone = reversals.reversals_of(session, actor, [donation_id]).get(donation_id)
        made = given.donation
        people = names_of(session, actor, {made.recorded_by_id, made.decided_by_id})
    return render_template(
        "fund/donation.html",
        given=given,
        undone=undone,
        people=people,
        donor=donations.donor_name(actor, keys(), made),
        actor=actor,
        nonce=new_nonce(),
        may_release=actor.may(Permission.RELEASE_MONEY),
        form=Form(ReasonForm),
    )


@blueprint.post("/donations/<uuid:donation_id>/count")
@allow(RECEIVE)
def count(donation_id: UUID) -> AnyResponse:
    """Say that the money is there: it is booked, and there is a receipt."""
    return decide(
        lambda session: donations.count(session, current_actor(), donation_id=donation_id),
        done=_("Counted and booked. The receipt can be printed."),
        back=url_for("fund.donation", donation_id=donation_id),
    )


@blueprint.post("/donations/<uuid:donation_id>/refuse")
@allow(RECEIVE)
def refuse(donation_id: UUID) -> AnyResponse:
    """Say that the money is not there as recorded."""
    reason = Form.read(ReasonForm).value("reason")
    return decide(
        lambda session: donations.refuse(
            session, current_actor(), donation_id=donation_id, reason=reason
        ),
        done=_("Noted: nothing was booked."),
        back=url_for("fund.donation", donation_id=donation_id),
    )


@blueprint.post("/donations/<uuid:donation_id>/reverse")
@allow(Permission.RELEASE_MONEY)
def reverse(donation_id: UUID) -> AnyResponse:
    """Take a counted donation back."""
    form = Form.read(ReasonForm)
    return decide(
        lambda session: reversals.reverse_donation(
            session,
            current_actor(),
            donation_id=donation_id,
            reason=form.value("reason"),
            nonce=form.value("nonce"),
        ),
        done=_("Taken back. The receipt is void."),
        back=url_for("fund.donation", donation_id=donation_id),
    )


@blueprint.get("/donations/<uuid:donation_id>/receipt.pdf")
@allow(RECEIVE)
def receipt(donation_id: UUID) -> Response:
    """Return the receipt of a counted donation to print."""
    with reading() as session:
        actor = current_actor()
        given = donations.find(session, actor, donation_id=donation_id)
        if given.donation.state not in {DonationState.COUNTED, DonationState.REVERSED}:
            raise NotCounted
        made = given.donation
        people = names_of(session, actor, {made.recorded_by_id, made.decided_by_id})
        community = get_community(session, actor.community_id)
    content = receipt_pdf(
        given,
        donor=donations.donor_name(actor, keys(), made),
        community=community,
        people=(people[made.recorded_by_id], people[made.decided_by_id]),
    )
    answer = Response(content, content_type="application/pdf")
    name = f"donation-{made.receipt_number}.pdf"
    answer.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return answer


def _donation_form(form: Form) -> str:
    with reading() as session:
        found = funds.list_funds(session, current_actor())
    return render_template("fund/new_donation.html", form=form, funds=found)
