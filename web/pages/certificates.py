"""Certificates: the public check, a volunteer's own, the desk's register with print and revocation.

The check is open to everybody, writes nothing, and answers alike for an unknown number and a forged
one.
"""

from typing import Final
from uuid import UUID

from flask import Blueprint, Response, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from timebank.actors import Permission
from timebank.errors import Refusal
from timebank.insight import self_checks
from timebank.rewards import certificates
from timebank.rewards.certificates import ENDING_LENGTH, Verification
from timebank.rewards.errors import UnknownCertificate
from timebank.rewards.models import REASON_LENGTH_MAX, Certificate
from web import reward_words
from web.api import Args
from web.auth import allow, current_actor, public
from web.csv_files import csv_response
from web.fields import Text
from web.forms import Form
from web.i18n import N_, _
from web.menu import Entry
from web.pdf import certificate_pdf, short_digest
from web.security import limiter
from web.session import begin, keys, reading, settings

blueprint = Blueprint("certificates", __name__)
blueprint.record_once(lambda state: reward_words.init(state.app))

MENU = (
    Entry("certificates.register", N_("Certificates"), "patch-check", Permission.COMMEND, order=61),
)
SCANS_PER_ADDRESS: Final = "60/minute"
TYPED_PER_ADDRESS: Final = "20/minute"
"""Four characters typed are twenty bits: at this rate one address needs a month for one paper."""
NUMBER_LENGTH_MAX: Final = 24
Page = str | AnyResponse | tuple[str, int]


class TypedForm(Args):
    """What somebody without a scanner types from the paper."""

    number = Text(
        required=True,
        length_min=1,
        length_max=NUMBER_LENGTH_MAX,
        metadata={"label": N_("Certificate number")},
    )
    ending = Text(
        required=True,
        length_min=1,
        length_max=ENDING_LENGTH * 2,
        metadata={"label": N_("Last four characters")},
    )


class RevokeForm(Args):
    """Why a certificate is revoked."""

    reason = Text(
        required=True,
        length_min=1,
        length_max=REASON_LENGTH_MAX,
        metadata={"label": N_("Reason")},
    )


# ---------------------------------------------------------------- the public check


@blueprint.get("/V/<path:code>")
@blueprint.get("/v/<path:code>")
@public
@limiter.limit(SCANS_PER_ADDRESS)
def verify(code: str) -> Page:
    """Tell whether the scanned certificate is ours and stands."""
    with reading() as session:
        try:
            found = certificates.verify_code(session, keys(), code=code)
        except UnknownCertificate:
            return _unknown(Form(TypedForm, {"number": code.partition(".")[0][:NUMBER_LENGTH_MAX]}))
        check = self_checks.last_check(session, found.community_id)
    return _verified(found, check)


@blueprint.get("/V")
@public
def ask() -> str:
    """Show the form for those who type."""
    return render_template("certificates/ask.html", form=Form(TypedForm))


@blueprint.get("/V/")
@public
@limiter.limit(TYPED_PER_ADDRESS)
def verify_typed() -> Page:
    """Tell whether the typed number with its last four characters is ours and stands."""
    form = Form.read(TypedForm, request.args)
    if not form.is_valid:
        return render_template("certificates/ask.html", form=form), form.status
    with reading() as session:
        try:
            found = certificates.verify_typed(session, **form.data)
        except UnknownCertificate:
            return _unknown(form)
        check = self_checks.last_check(session, found.community_id)
    return _verified(found, check)


def _verified(found: Verification, check: self_checks.SelfCheck | None) -> str:
    g.time_zone = found.time_zone
    return render_template(
        "certificates/verified.html",
        found=found,
        check=check,
        digest=short_digest(found.content_hash),
    )


def _unknown(form: Form) -> tuple[str, int]:
    return render_template("certificates/unknown.html", form=form), UnknownCertificate.status


# ---------------------------------------------------------------- a volunteer's own


@blueprint.get("/me/certificates/")
@allow(Permission.SEE_OWN_RECORD)
def list_own() -> str:
    """Show the reader's own certificates."""
    with reading() as session:
        own = certificates.list_own_certificates(session, current_actor())
    return render_template("certificates/own.html", certificates=own)


@blueprint.get("/me/certificates/<uuid:certificate_id>.pdf")
@allow(Permission.SEE_OWN_RECORD)
def own_pdf(certificate_id: UUID) -> Response:
    """Return one of the reader's own certificates to print or to send."""
    return _pdf(certificate_id)


def _pdf(certificate_id: UUID) -> Response:
    with reading() as session:
        found = certificates.find_certificate(
            session, current_actor(), certificate_id=certificate_id
        )
    content = certificate_pdf(found, base_url=settings().base_url)
    answer = Response(content, content_type="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{_file_name(found)}"'
    return answer


def _file_name(certificate: Certificate) -> str:
    """Return a file name that every system takes; a community's code may be Chinese."""
    plain = certificate.printed_number.encode("ascii", "ignore").decode()
    return f"certificate-{plain}.pdf"


# ---------------------------------------------------------------- the desk


@blueprint.get("/desk/certificates/")
@allow(Permission.COMMEND)
def register() -> str:
    """Show the register, newest first."""
    with reading() as session:
        issued = certificates.list_certificates(session, current_actor())
    return render_template("certificates/register.html", certificates=issued)


@blueprint.get("/desk/certificates/export.csv")
@allow(Permission.COMMEND)
def export() -> Response:
    """Return the register for a spreadsheet."""
    with reading() as session:
        issued = certificates.list_certificates(session, current_actor())
    header = [
        *(_("Certificate number"), _("Volunteer number"), _("Name"), _("Stars")),
        *(_("Minutes"), _("Issued on"), _("Standing"), _("Reason")),
    ]
    return csv_response("certificates.csv", header, map(_cells, issued))


def _cells(certificate: Certificate) -> list[object]:
    person, service = certificate.content["person"], certificate.content["service"]
    return [
        certificate.printed_number,
        person["volunteer_number"],
        person["name"],
        service["stars"],
        service["counted_minutes"],
        certificate.content["registration"]["issued_on"],
        _("revoked") if certificate.revoked_at else _("valid"),
        certificate.revoke_reason or "",
    ]


@blueprint.get("/desk/certificates/<uuid:certificate_id>/")
@allow(Permission.COMMEND)
def show(certificate_id: UUID) -> str:
    """Show one certificate with everything that stands on it."""
    return _page(certificate_id, Form(RevokeForm))


@blueprint.get("/desk/certificates/<uuid:certificate_id>.pdf")
@allow(Permission.COMMEND)
def pdf(certificate_id: UUID) -> Response:
    """Return a certificate to print."""
    return _pdf(certificate_id)


@blueprint.post("/desk/certificates/<uuid:certificate_id>/revoke")
@allow(Permission.COMMEND)
def revoke(certificate_id: UUID) -> Page:
    """Revoke a certificate for good."""
    form = Form.read(RevokeForm)
    if not form.is_valid:
        return _page(certificate_id, form), form.status
    try:
        with begin() as session:
            revoked = certificates.revoke(
                session,
                current_actor(),
                certificate_id=certificate_id,
                reason=form.data["reason"],
            )
    except Refusal as refusal:
        return _page(certificate_id, form.refuse(refusal, "reason")), refusal.status
    flash(_("%(number)s is revoked.", number=revoked.printed_number), "ok")
    return redirect(url_for("certificates.show", certificate_id=certificate_id))


def _page(certificate_id: UUID, form: Form) -> str:
    with reading() as session:
        actor = current_actor()
        found = certificates.find_certificate(session, actor, certificate_id=certificate_id)
    return render_template(
        "certificates/show.html",
        certificate=found,
        content=found.content,
        digest=short_digest(found.content_hash),
        is_own=found.member_id == actor.member_id,
        form=form,
    )
