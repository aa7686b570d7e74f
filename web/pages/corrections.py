"""The story of one attendance, the volunteer's question about it, and its corrections.

The story is for the member and for those who may see records; proposals are made and decided by
those who run occasions, questions answered by the social worker.
"""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Final
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from timebank.actors import Permission
from timebank.errors import Refusal
from timebank.service import casework, corrections, disputes, timing
from timebank.service.correction_models import TEXT_LENGTH_MAX
from timebank.service.errors import DisputeAnswered
from timebank.service.settled import SettledRow
from timebank.service.trail import read_trail
from web.api import Args
from web.auth import allow, current_actor, current_standing
from web.fields import Choice, Text
from web.forms import Form
from web.i18n import N_, _
from web.leader_words import said_scan
from web.menu import Entry
from web.offline_words import said_result
from web.session import begin, reading

blueprint = Blueprint("corrections", __name__)

OWN: Final = Permission.SEE_OWN_RECORD
RUN: Final = Permission.RUN_OCCASION
MENU = (Entry("corrections.list_open", N_("Corrections"), "arrow-counterclockwise", RUN, order=25),)
CLOCK_LENGTH_MAX: Final = 5
Answer = Response | str | tuple[str, int]


class DisputeForm(Args):
    """What the volunteer asks about a row."""

    text = Text(
        required=True,
        length_min=1,
        length_max=TEXT_LENGTH_MAX,
        metadata={"label": N_("What is not right?")},
    )


class ExplainForm(Args):
    """The answer to a question."""

    text = Text(
        required=True,
        length_min=1,
        length_max=TEXT_LENGTH_MAX,
        metadata={"label": N_("Explanation")},
    )


class ProposeForm(Args):
    """What a row should say."""

    presence = Choice(["there", "absent"], load_default="there", metadata={"label": N_("Presence")})
    come = Text(length_max=CLOCK_LENGTH_MAX, load_default="", metadata={"label": N_("Came at")})
    go = Text(length_max=CLOCK_LENGTH_MAX, load_default="", metadata={"label": N_("Left at")})
    reason = Text(
        required=True,
        length_min=1,
        length_max=TEXT_LENGTH_MAX,
        metadata={"label": N_("Reason")},
    )


class RefuseForm(Args):
    """Why a proposal is refused."""

    reason = Text(
        required=True,
        length_min=1,
        length_max=TEXT_LENGTH_MAX,
        metadata={"label": N_("Reason")},
    )


# ---------------------------------------------------------------- the story


@blueprint.get("/record/<uuid:attendance_id>")
@allow(OWN)
def show(attendance_id: UUID) -> str:
    """Show where the minutes of one attendance came from."""
    return _story_page(attendance_id, Form(DisputeForm))


@blueprint.post("/record/<uuid:attendance_id>/dispute")
@allow(OWN)
def ask(attendance_id: UUID) -> Answer:
    """Ask about one's own row."""
    form = Form.read(DisputeForm)
    if not form.is_valid:
        return _story_page(attendance_id, form), form.status
    try:
        with begin() as session:
            disputes.ask(session, current_actor(), attendance_id=attendance_id, **form.data)
    except Refusal as refusal:
        if refusal.status in {403, 404}:
            raise
        return _story_page(attendance_id, form.refuse(refusal)), refusal.status
    flash(_("Your question is with the social worker; the answer appears on this page."), "wait")
    return _back_to_story(attendance_id)


@blueprint.post("/record/dispute/<uuid:dispute_id>/withdraw")
@allow(OWN)
def withdraw_question(dispute_id: UUID) -> Response:
    """Take one's own question back; pressing again changes nothing."""
    with begin() as session:
        dispute = disputes.withdraw(session, current_actor(), dispute_id=dispute_id)
        attendance_id = dispute.attendance_id
    flash(_("Taken back. You can ask again at any time."), "ok")
    return _back_to_story(attendance_id)


# ---------------------------------------------------------------- what waits


@blueprint.get("/desk/corrections/")
@allow(RUN)
def list_open() -> str:
    """Show the proposals and the questions that wait."""
    return _list_page({}, Form(ExplainForm))


@blueprint.post("/desk/corrections/questions/<uuid:dispute_id>/explain")
@allow(RUN)
def explain(dispute_id: UUID) -> Answer:
    """Answer a question by an explanation."""
    form = Form.read(ExplainForm)
    if not form.is_valid:
        return _list_page({dispute_id: form}, form), form.status
    try:
        with begin() as session:
            disputes.explain(session, current_actor(), dispute_id=dispute_id, **form.data)
    except Refusal as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            raise
        if isinstance(refusal, DisputeAnswered):  # it is on the list no more: nothing typed is lost
            flash(_("What you wrote was not sent: %(text)s", text=form.data["text"]), "no")
        form.refuse(refusal)
        return _list_page({dispute_id: form}, form), refusal.status
    flash(_("The volunteer can read your explanation now."), "ok")
    return redirect(url_for("corrections.list_open"), HTTPStatus.SEE_OTHER)


# ---------------------------------------------------------------- proposals


@blueprint.get("/desk/corrections/new/<uuid:attendance_id>")
@allow(RUN)
def ask_new(attendance_id: UUID) -> str:
    """Show the form of a proposal; an address may bring other times along, such as a scan's."""
    return _propose_page(attendance_id, None)


@blueprint.post("/desk/corrections/new/<uuid:attendance_id>")
@allow(RUN)
def propose(attendance_id: UUID) -> Answer:
    """Propose what a row should say."""
    form = Form.read(ProposeForm)
    if not form.is_valid:
        return _propose_page(attendance_id, form), form.status
    try:
        with begin() as session:
            line = casework.read_row(session, current_actor(), attendance_id=attendance_id)
            times: list[datetime | None] = [None, None]
            if form.data["presence"] == "there":
                zone, slot = current_standing().community.time_zone, line.slot
                times = [
                    timing.moment_near(slot.starts_at, slot.ends_at, form.data[name], zone)
                    for name in ("come", "go")
                ]
            made = corrections.propose(
                session,
                current_actor(),
                attendance_id=attendance_id,
                in_at=times[0],
                out_at=times[1],
                reason=form.data["reason"],
            )
            correction_id = made.id
    except Refusal as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            raise
        return _propose_page(attendance_id, form.refuse(refusal)), refusal.status
    flash(_("Proposed. Somebody else has to agree."), "wait")
    return _to_proposal(correction_id)


@blueprint.get("/desk/corrections/<uuid:correction_id>")
@allow(RUN)
def show_proposal(correction_id: UUID) -> str:
    """Show one proposal with what it changes."""
    return _proposal_page(correction_id, Form(RefuseForm))


@blueprint.post("/desk/corrections/<uuid:correction_id>/agree")
@allow(RUN)
def agree(correction_id: UUID) -> Answer:
    """Agree: the book and the row change at once."""

    def change(session: Session) -> None:
        corrections.agree(session, current_actor(), correction_id=correction_id)

    return _decided(
        correction_id,
        Form(RefuseForm),
        change,
        _("Corrected: the list and the book say the same now."),
    )


@blueprint.post("/desk/corrections/<uuid:correction_id>/refuse")
@allow(RUN)
def refuse(correction_id: UUID) -> Answer:
    """Refuse with a reason: nothing changes."""
    form = Form.read(RefuseForm)
    if not form.is_valid:
        return _proposal_page(correction_id, form), form.status

    def change(session: Session) -> None:
        corrections.refuse(session, current_actor(), correction_id=correction_id, **form.data)

    return _decided(correction_id, form, change, _("Refused; nothing was changed."))


@blueprint.post("/desk/corrections/<uuid:correction_id>/withdraw")
@allow(RUN)
def withdraw(correction_id: UUID) -> Answer:
    """Take one's own proposal back."""

    def change(session: Session) -> None:
        corrections.withdraw(session, current_actor(), correction_id=correction_id)

    return _decided(correction_id, Form(RefuseForm), change, _("Withdrawn; nothing was changed."))


# ---------------------------------------------------------------- private


def _decided(
    correction_id: UUID, form: Form, change: Callable[[Session], None], sentence: str
) -> Answer:
    """Run one decision; a refusal stands on the proposal's page in words."""
    try:
        with begin() as session:
            change(session)
    except Refusal as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            raise
        return _proposal_page(correction_id, form.refuse(refusal)), refusal.status
    flash(sentence, "ok")
    return _to_proposal(correction_id)


def _to_proposal(correction_id: UUID) -> Response:
    address = url_for("corrections.show_proposal", correction_id=correction_id)
    return redirect(address, HTTPStatus.SEE_OTHER)


def _back_to_story(attendance_id: UUID) -> Response:
    address = url_for("corrections.show", attendance_id=attendance_id)
    return redirect(address, HTTPStatus.SEE_OTHER)


def _story_page(attendance_id: UUID, form: Form) -> str:
    actor = current_actor()
    with reading() as session:
        trail = read_trail(session, actor, attendance_id=attendance_id)
    return render_template(
        "corrections/story.html",
        trail=trail,
        said_scan=said_scan,
        said_result=said_result,
        form=form,
        frame="phone.html" if trail.is_own else "desk.html",
        may_propose=actor.may(RUN) and not trail.is_own,
        may_prove=trail.is_own or actor.may(Permission.READ_BOOKS),
    )


def _list_page(sent: dict[UUID, Form], problem_form: Form) -> str:
    """Show what waits, with the answer that was sent last as it was sent."""
    actor = current_actor()
    with reading() as session:
        proposals = casework.open_corrections(session, actor)
        questions = casework.open_disputes(session, actor)
    return render_template(
        "corrections/list.html",
        proposals=proposals,
        questions=questions,
        forms={
            line.dispute.id: sent.get(line.dispute.id) or Form(ExplainForm) for line in questions
        },
        problem_form=problem_form,
        reader_id=actor.member_id,
    )


def _propose_page(attendance_id: UUID, form: Form | None) -> str:
    with reading() as session:
        line = casework.read_row(session, current_actor(), attendance_id=attendance_id)
    return render_template("corrections/new.html", line=line, form=form or _present(line))


def _present(line: SettledRow) -> Form:
    """Return the form with the times of the row, or those planned: one of them is changed."""
    row, slot = line.row, line.slot
    zone = current_standing().community.time_zone
    came = max(row.in_at, slot.starts_at) if row.in_at else slot.starts_at
    left = min(row.out_at, slot.ends_at) if row.out_at else slot.ends_at
    times = {
        name: request.args.get(name, "")[:CLOCK_LENGTH_MAX] or timing.local_text(each, zone, each)
        for name, each in (("come", came), ("go", left))
    }
    return Form(ProposeForm, {"presence": "there", **times})


def _proposal_page(correction_id: UUID, form: Form) -> str:
    actor = current_actor()
    with reading() as session:
        line = casework.read_correction(session, actor, correction_id=correction_id)
        preview = casework.preview(session, actor, line)
        trail = read_trail(session, actor, attendance_id=line.correction.attendance_id)
    is_involved = actor.member_id in {line.correction.member_id, line.correction.proposed_by_id}
    return render_template(
        "corrections/show.html",
        line=line,
        preview=preview,
        trail=trail,
        form=form,
        may_decide=not is_involved,
        may_withdraw=actor.member_id == line.correction.proposed_by_id,
    )
