"""The desk's first page: the inbox, and the self-check of the book."""

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from timebank.actors import Permission
from timebank.clock import now
from timebank.insight import self_checks
from timebank.insight.inbox import read_inbox
from timebank.insight.verification import verify_book
from web.auth import allow, current_actor
from web.i18n import N_, _, local
from web.menu import Entry
from web.session import begin, reading

blueprint = Blueprint("desk", __name__, url_prefix="/desk")

MENU = (
    Entry("desk.inbox", N_("Inbox"), "inbox", Permission.READ_BOOKS, order=1),
    Entry("desk.self_check", N_("Self-check"), "journal-check", Permission.READ_BOOKS, order=90),
)
FINDINGS_SHOWN_MAX = 50


@blueprint.get("/")
@allow(Permission.READ_BOOKS)
def inbox() -> str:
    """Show what waits for somebody."""
    actor = current_actor()
    with reading() as session:
        found = read_inbox(session, actor)
    return render_template(
        "desk/inbox.html",
        inbox=found,
        today=local(now()).date(),
        may_plan=actor.may(Permission.PLAN_OCCASION),
        may_price=actor.may(Permission.PRICE_GOODS),
        may_commend=actor.may(Permission.COMMEND),
        may_administer=actor.may(Permission.ADMINISTER),
    )


@blueprint.get("/self-check")
@allow(Permission.READ_BOOKS)
def self_check() -> str:
    """Show when the book was last checked from the beginning."""
    with reading() as session:
        last = self_checks.last_check(session, current_actor().community_id)
    return render_template("desk/self_check.html", last=last, report=None, shown_max=0)


@blueprint.post("/self-check")
@allow(Permission.READ_BOOKS)
def run_self_check() -> Response | str:
    """Check the whole book now; findings are shown, a clean book leads back."""
    actor = current_actor()
    with reading() as snapshot:  # a long reading must not hold the one writer of an SQLite book
        report = verify_book(snapshot, actor)
    with begin() as session:
        last = self_checks.keep(session, actor, report)
    if report.findings:
        return render_template(
            "desk/self_check.html", last=last, report=report, shown_max=FINDINGS_SHOWN_MAX
        )
    flash(_("Transactions checked: %(count)s. All in order.", count=report.transaction_count), "ok")
    return redirect(url_for("desk.self_check"))
