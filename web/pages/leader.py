"""The leader's tablet: what is on, the screen with the rotating code, the list to confirm."""

import secrets
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from timebank import clock, codes
from timebank.actors import Permission
from timebank.errors import Invalid, Refusal
from timebank.service import arrivals, attendance, calendar, checkin, roster, rows, timing
from timebank.service.attendance import Confirmation, Mark, RowMark
from timebank.service.checkin import NONCE_LENGTH_MAX, NONCE_LENGTH_MIN, Press
from timebank.service.decide import Intent
from timebank.service.errors import NotHere, WrongLeave, WrongTimes
from timebank.service.roster import Roster, RosterRow
from web import service_words
from web.api import Args
from web.auth import allow, current_actor, current_standing
from web.fields import Choice, Identifier, Text
from web.forms import Form
from web.i18n import N_, _, duration, ngettext, said, time_range
from web.i18n import points as said_points
from web.leader_words import said_to_leader
from web.menu import Entry
from web.qr import qr_svg
from web.session import begin, keys, reading, settings

blueprint = Blueprint("leader", __name__, url_prefix="/lead")

RUN: Final = Permission.RUN_OCCASION
MENU = (Entry("leader.list_all", N_("On site"), "qr-code-scan", RUN, order=15),)
NONCE_BYTES: Final = 16
SCAN_LENGTH_MAX: Final = 200
TYPED_LENGTH_MAX: Final = 10
Answer = Response | str | tuple[str, int]


class ScanForm(Args):
    """A card's text or a tapped name; one nonce per page and press."""

    text = Text(length_max=SCAN_LENGTH_MAX, load_default="", metadata={"label": N_("Card")})
    member_id = Identifier(load_default=None)
    nonce = Text(required=True, length_min=NONCE_LENGTH_MIN, length_max=NONCE_LENGTH_MAX)
    intent = Choice(Intent, load_default=Intent.AUTO)


class ByHandForm(Args):
    """A time written by hand."""

    member_id = Identifier(required=True, metadata={"label": N_("Who")})
    slot_id = Identifier(required=True, metadata={"label": N_("Time slot")})
    come = Text(required=True, length_max=5, metadata={"label": N_("Came at")})
    go = Text(required=True, length_max=5, metadata={"label": N_("Left at")})


# ---------------------------------------------------------------- what is on


@blueprint.get("/")
@allow(RUN)
def list_all() -> str:
    """Show what a leader has to do."""
    with reading() as session:
        lines = calendar.occasions_to_run(session, current_actor())
    return render_template("leader/list.html", lines=lines, now=clock.now())


# ---------------------------------------------------------------- on site


@blueprint.get("/<uuid:occasion_id>/board")
@allow(RUN)
def board(occasion_id: UUID) -> str:
    """Show the rotating code with headcount and roster."""
    return _board_page(occasion_id)


@blueprint.get("/<uuid:occasion_id>/board/code")
@allow(RUN)
def board_code(occasion_id: UUID) -> str:
    """Return the code of this half minute alone."""
    with reading() as session:
        line = calendar.occasion_line(session, current_actor(), occasion_id)
        path = arrivals.venue_path(session, current_actor(), keys(), occasion_id=occasion_id)
    return render_template("leader/_code.html", line=line, **_code(path))


@blueprint.get("/<uuid:occasion_id>/board/people")
@allow(RUN)
def board_people(occasion_id: UUID) -> str:
    """Return headcount and roster alone."""
    with reading() as session:
        shown = roster.roster(session, current_actor(), occasion_id)
    return render_template("leader/_people.html", **_people(shown))


@blueprint.post("/<uuid:occasion_id>/scan")
@allow(RUN)
def scan(occasion_id: UUID) -> Answer:
    """Check somebody in or out: a card, its digits, a tapped name; other words are looked for."""
    form = Form.read(ScanForm)
    if not form.is_valid:
        flash(form.summary()[0].text, "no")
        return _board_page(occasion_id), form.status
    text, member_id = form.data["text"], form.data["member_id"]
    if member_id is None and (not text or roster.is_looked_for(text)):
        found_at = "looked" if text else None  # on a phone the answer stands below the code
        address = url_for(
            "leader.board", occasion_id=occasion_id, find=text or None, _anchor=found_at
        )
        return redirect(address)
    press = Press(form.data["nonce"], form.data["intent"])
    with begin() as session:
        answer = checkin.scan_for(
            session,
            current_actor(),
            occasion_id=occasion_id,
            text=text,
            member_id=member_id,
            press=press,
        )
    flash(said_to_leader(answer), service_words.KINDS[answer.status] or "ok")
    return redirect(url_for("leader.board", occasion_id=occasion_id))


@blueprint.post("/<uuid:occasion_id>/accept/<uuid:attendance_id>")
@allow(RUN)
def accept(occasion_id: UUID, attendance_id: UUID) -> Response:
    """Say yes to a walk-in."""
    with begin() as session:
        rows.accept(session, current_actor(), attendance_id=attendance_id)
    flash(_("Agreed: the time counts."), "ok")
    return redirect(url_for("leader.board", occasion_id=occasion_id))


@blueprint.post("/<uuid:occasion_id>/seen/<uuid:attendance_id>")
@allow(RUN)
def see(occasion_id: UUID, attendance_id: UUID) -> Response:
    """Note that the leader sees that it is that person."""
    with begin() as session:
        rows.see(session, current_actor(), attendance_id=attendance_id)
    flash(_("Noted: you saw this person."), "ok")
    return redirect(url_for("leader.board", occasion_id=occasion_id))


# ---------------------------------------------------------------- the list


@blueprint.get("/<uuid:occasion_id>/confirm")
@allow(RUN)
def confirm_list(occasion_id: UUID) -> str:
    """Show the list to confirm, and what is already settled."""
    return _confirm_page(occasion_id, {}, "")


@blueprint.post("/<uuid:occasion_id>/confirm")
@allow(RUN)
def confirm(occasion_id: UUID) -> Answer:
    """Settle the marked rows and post them."""
    sent = request.form.to_dict()
    try:
        with begin() as session:
            shown = roster.roster(session, current_actor(), occasion_id)
            marks = [mark for row in shown.rows if (mark := _mark(row, sent))]
            done = attendance.confirm(
                session, current_actor(), occasion_id=occasion_id, marks=marks
            )
            told, waiting = _said_done(done), len(done.waiting)
    except Invalid as refusal:
        return _confirm_page(occasion_id, sent, said(refusal)), refusal.status
    for text, kind in told:
        flash(text, kind)
    if waiting:
        return _confirm_page(occasion_id, sent, "")  # with what was chosen for the rows that wait
    return redirect(url_for("leader.confirm_list", occasion_id=occasion_id))


@blueprint.get("/<uuid:occasion_id>/list")
@allow(RUN)
def printable(occasion_id: UUID) -> str:
    """Show the list for printing, with room for signatures and the code of its entry page."""
    with reading() as session:
        shown = roster.roster(session, current_actor(), occasion_id)
    address = settings().base_url + url_for("sheets.show", occasion_id=occasion_id)
    code = qr_svg(address, label=_("Code of this sheet"), level="M")
    return render_template("leader/print.html", qr=code, **_people(shown))


@blueprint.get("/<uuid:occasion_id>/poster")
@allow(RUN)
def poster(occasion_id: UUID) -> str:
    """Show the paper code for printing; each of its scans waits for the leader."""
    with reading() as session:
        line = calendar.occasion_line(session, current_actor(), occasion_id)
        path = arrivals.poster_path(session, current_actor(), keys(), occasion_id=occasion_id)
    return render_template("leader/poster.html", line=line, **_code(path))


# ---------------------------------------------------------------- by hand


@blueprint.get("/<uuid:occasion_id>/by-hand")
@allow(RUN)
def by_hand(occasion_id: UUID) -> str:
    """Show the form for a time written by hand."""
    return _by_hand_page(occasion_id, Form(ByHandForm))


@blueprint.post("/<uuid:occasion_id>/by-hand")
@allow(RUN)
def write_by_hand(occasion_id: UUID) -> Answer:
    """Write a time by hand; somebody else confirms it."""
    form = Form.read(ByHandForm)
    if not form.is_valid:
        return _by_hand_page(occasion_id, form), form.status
    try:
        with begin() as session:
            lines = calendar.slots_of(session, current_actor(), occasion_id)
            slot = {line.slot.id: line.slot for line in lines}.get(form.data["slot_id"])
            if slot is None:
                raise NotHere(thing="slot")
            zone, span = current_standing().community.time_zone, (slot.starts_at, slot.ends_at)
            come, go = (timing.moment_near(*span, form.data[name], zone) for name in ("come", "go"))
            rows.back_fill(
                session,
                current_actor(),
                slot_id=slot.id,
                member_id=form.data["member_id"],
                in_at=come,
                out_at=go,
            )
    except Refusal as refusal:
        if refusal.status in {403, 404}:
            raise
        return _by_hand_page(occasion_id, form.refuse(refusal)), refusal.status
    flash(_("Written in. Somebody else has to confirm it."), "wait")
    return redirect(url_for("leader.confirm_list", occasion_id=occasion_id))


# ---------------------------------------------------------------- private


def _board_page(occasion_id: UUID) -> str:
    search = request.args.get("find", "")[: roster.SEARCH_LENGTH_MAX]
    with reading() as session:
        shown = roster.roster(session, current_actor(), occasion_id, search=search)
        found = roster.find_people(session, current_actor(), occasion_id, search=search)
        path = arrivals.venue_path(session, current_actor(), keys(), occasion_id=occasion_id)
    return render_template(
        "leader/board.html", search=search, found=found, **_code(path), **_people(shown)
    )


def _code(path: str) -> dict[str, Any]:
    """Return what the code plate needs."""
    base = settings().base_url
    left = codes.STEP_SECONDS - int(clock.now().timestamp()) % codes.STEP_SECONDS
    return {
        "qr": qr_svg(f"{base}/{path}".upper(), label=_("Check-in code"), level="M"),
        "seconds_left": left,
        "step_seconds": codes.STEP_SECONDS,
        "host": base.partition("://")[2],
    }


def _people(shown: Roster) -> dict[str, Any]:
    """Return what headcount and roster need."""
    return {
        "roster": shown,
        "line": shown.line,
        "now": clock.now(),
        "nonce": secrets.token_urlsafe(NONCE_BYTES),
    }


def _said_done(done: Confirmation) -> list[tuple[str, str]]:
    """Return what confirming did, as sentences with their kind."""
    told = []
    if posted := len(done.posted):
        text = ngettext(
            "One person is in the book: %(worth)s.",
            "%(count)s people are in the book: %(worth)s.",
            posted,
            count=posted,
            worth=f"{duration(done.minutes)}{_(', ')}{said_points(done.points)}",
        )
        told.append((text, "ok"))
    elif done.settled:
        told.append((_("Settled: nobody of these was seen, so nothing counts."), "ok"))
    if done.overruled:
        text = _(
            "%(names)s: somebody settled this differently before you; nothing was changed. See the "
            "list below.",
            names=", ".join(each.member.name for each in done.overruled),
        )
        told.append((text, "no"))
    if waiting := len(done.waiting):
        text = ngettext(
            "One row still waits, see below.",
            "%(count)s rows still wait, see below.",
            waiting,
            count=waiting,
        )
        told.append((text, "wait"))
    if not told:
        text = _("Nothing was confirmed: everybody is marked “later”. Choose what you saw.")
        told.append((text, "wait"))
    return told


def _mark(row: RosterRow, sent: Mapping[str, str]) -> RowMark | None:
    """Return what the form says of a row; None when it is to wait."""
    key = row.row.id.hex
    said_mark = sent.get(f"mark-{key}", "")
    if said_mark not in set(Mark):
        return None
    zone = current_standing().community.time_zone
    typed = sent.get(f"out-{key}", "").strip()
    out_at = None
    if said_mark == Mark.LEFT_EARLY and typed:
        try:
            out_at = timing.moment_near(row.slot.starts_at, row.slot.ends_at, typed, zone)
        except WrongTimes as wrong:
            span = time_range(row.slot.starts_at, row.slot.ends_at)
            typed = typed[:TYPED_LENGTH_MAX]
            raise WrongLeave(name=row.member.name, times=typed, expected=span) from wrong
    is_accepted = bool(sent.get(f"accept-{key}")) or not row.row.needs_lead
    return RowMark(row.row.id, Mark(said_mark), out_at, is_accepted)


def _confirm_page(occasion_id: UUID, sent: Mapping[str, str], problem: str) -> str:
    with reading() as session:
        shown = roster.roster(session, current_actor(), occasion_id)
    return render_template("leader/confirm.html", sent=sent, problem=problem, **_people(shown))


def _by_hand_page(occasion_id: UUID, form: Form) -> str:
    search = request.values.get("find", "")[: roster.SEARCH_LENGTH_MAX]
    with reading() as session:
        shown = roster.roster(session, current_actor(), occasion_id)
        found = roster.find_people(session, current_actor(), occasion_id, search=search)
    people = [each.member for each in shown.rows if each.row.in_at is None] + found
    return render_template(
        "leader/by_hand.html",
        form=form,
        people=[(member.id, f"{member.name} {member.volunteer_number}") for member in people],
        search=search,
        **_people(shown),
    )
