"""Every route x every role x own and other community, walked from what the views declare.

A new route is covered as soon as it exists. A route with a new kind of parameter needs a value in
`_values`, named after the parameter, of a row in the *other* community.
"""

from dataclasses import dataclass
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from ledger.database import Database
from tests.browser import counting, storeroom
from tests.browser.common_money import waiting
from tests.browser.neighbourhood import Neighbourhood, build
from tests.makers import SignIn, make_community, make_member, make_sign_in
from tests.visitors import csrf_token, sign_in
from timebank.actors import PERMISSIONS, Permission, Role
from timebank.codes import CodeKeys
from timebank.people import tokens
from timebank.service.models import Slot
from web.auth import access_table

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
API = "/api/"
NOBODYS_NUMBER = 99_999
SESSION_ENDS = {"account.sign_out", "account.sign_out_everywhere"}
"""Walked last: the browser is nobody's afterwards."""


@dataclass(frozen=True)
class Step:
    """One method of one route, with the permission it declares (None: open to everybody)."""

    rule: Rule
    method: str
    permission: Permission | None

    def path(self, app: Flask, values: dict[str, object]) -> str:
        chosen = {name: values[name] for name in self.rule.arguments}
        with app.test_request_context():
            adapter = app.create_url_adapter(None) or app.url_map.bind("localhost")
            return adapter.build(self.rule.endpoint, chosen, method=self.method)

    @property
    def name(self) -> str:
        return f"{self.method} {self.rule.rule}"


def _steps(app: Flask) -> list[Step]:
    table = access_table(app)
    steps = [
        Step(rule, method, access if isinstance(access, Permission) else None)
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        for access in (table[rule.endpoint],)
    ]
    return sorted(steps, key=lambda step: (step.rule.endpoint in SESSION_ENDS, step.name))


def _values(other: Neighbourhood | None = None, slot_id: object = None) -> dict[str, object]:
    """Return a value for every parameter: a row of the other community, or of nobody."""
    nobody = str(uuid4())
    return {
        "member_id": other.people["neighbour"].id if other else nobody,
        "certificate_id": other.certificate.id if other and other.certificate else nobody,
        "occasion_id": other.today.id if other else nobody,
        "slot_id": slot_id or nobody,
        "series_id": other.next_month.series_id if other else nobody,
        "attendance_id": other.attendance_id if other else nobody,
        "correction_id": other.correction_id if other else nobody,
        "dispute_id": other.dispute_id if other else nobody,
        "token_id": nobody,
        "community_id": nobody,
        "photo_id": nobody,
        "reservation_id": other.reservation_id if other else nobody,
        **dict.fromkeys(counting.TABLES, nobody),
        **dict.fromkeys(storeroom.TABLES, nobody),
        "proposal_id": other.proposal_id if other else nobody,
        "scan_id": other.doubtful_scan_id if other else nobody,
        "roster_id": other.roster_id if other else nobody,
        "swap_id": other.swap_id if other else nobody,
        "award_id": nobody,
        "household_id": nobody,
        "other_id": nobody,
        "helper_row_id": nobody,
        "held_id": nobody,
        "donation_id": nobody,
        "expense_id": nobody,
        "month_end_id": nobody,
        "day_id": nobody,
        "move_id": nobody,
        "project_number": 1 if other else NOBODYS_NUMBER,
        "transaction_id": nobody,
        "policy_id": nobody,
        "webhook_id": other.webhook.id if other and other.webhook else nobody,
        "number": other.goods[0].number if other else NOBODYS_NUMBER,
        "item_number": other.goods[0].number if other else NOBODYS_NUMBER,
        "receipt_number": other.receipt_number if other else NOBODYS_NUMBER,
        "book": "points",
        "code": "X",
        "token": "X" * 16,
        "digest": "0",
        "name": "timebank.css",
    }


class Browser:
    """A member's browser for pages and token for the API, as one thing to send steps with."""

    def __init__(self, app: Flask, database: Database, who: SignIn) -> None:
        self.app, self.client = app, sign_in(app.test_client(), who)
        with database.begin() as session:
            self.token = tokens.issue_token(
                session, phone=who.phone, password=who.password, community_code="A", name="test"
            ).token
        self.csrf = csrf_token(self.client, "/account/")

    def send(self, step: Step, values: dict[str, object]) -> TestResponse:
        path = step.path(self.app, values)
        if path.startswith(API):
            headers = {"Authorization": f"Bearer {self.token}"}
            return self.client.open(path, method=step.method, headers=headers, json={})
        if step.method in UNSAFE:
            return self.client.open(path, method=step.method, data={"csrf_token": self.csrf})
        return self.client.get(path)


class Browsers(dict[Role, Browser]):
    """A member of community A for each role, holding that role alone; made when first asked for."""

    def __init__(self, app: Flask, database: Database) -> None:
        super().__init__()
        self.app, self.database = app, database
        with database.begin() as session:
            self.community = make_community(session, code="A")

    def __missing__(self, role: Role) -> Browser:
        with self.database.begin() as session:
            who = make_sign_in(session, make_member(session, self.community, role.value, role))
        self[role] = Browser(self.app, self.database, who)
        return self[role]


@pytest.fixture
def browsers(app: Flask, database: Database) -> Browsers:
    app.config.update(PROPAGATE_EXCEPTIONS=False)  # a crash is a line of the list, as any other
    return Browsers(app, database)


def _sent_away(answer: TestResponse) -> bool:
    return answer.status_code == 401 or answer.headers.get("Location", "").startswith("/sign-in")


def test_strangers_pass_only_where_a_view_is_public(app: Flask, client: FlaskClient) -> None:
    app.config.update(PROPAGATE_EXCEPTIONS=False)
    token = csrf_token(client)
    wrong = []

    for step in _steps(app):
        path = step.path(app, _values())
        data = {"csrf_token": token}
        answer = (
            client.open(path, method=step.method, json={})
            if path.startswith(API)
            else client.open(path, method=step.method, data=data if step.method in UNSAFE else None)
        )
        is_right = answer.status_code < 500 and _sent_away(answer) == (step.permission is not None)
        if not is_right and not _leads_out(step, answer):
            wrong.append(f"{step.name}: {answer.status_code}")

    assert wrong == []


def _leads_out(step: Step, answer: TestResponse) -> bool:
    """A public view may itself lead to the sign-in page, as signing out does."""
    return step.permission is None and answer.status_code == 302


@pytest.mark.parametrize("role", list(Role))
def test_a_role_passes_exactly_where_it_may(app: Flask, browsers: Browsers, role: Role) -> None:
    wrong = []

    for step in _steps(app):
        answer = browsers[role].send(step, _values())
        may_pass = step.permission is None or role in PERMISSIONS[step.permission]
        refused = answer.status_code == 403 and "not_allowed" in _code(answer)
        if answer.status_code >= 500 or _sent_away(answer) or refused == may_pass:
            wrong.append(f"{step.name}: {answer.status_code}, may pass: {may_pass}")

    assert [line for line in wrong if not _ends_session(line)] == []


def _ends_session(line: str) -> bool:
    return "sign-out" in line and ": 302" in line


def _code(answer: TestResponse) -> str:
    """Return the refusal's code; a page says it in words."""
    if answer.is_json:
        return str((answer.get_json() or {}).get("code"))
    return "not_allowed" if "您没有权限做这件事" in answer.get_data(as_text=True) else ""


def test_another_communitys_rows_are_not_there(
    app: Flask, database: Database, browsers: Browsers
) -> None:
    other = build(database, CodeKeys(app.config["SECRET_KEY"].encode()))
    with database.reading() as session:
        slot_id = session.scalars(
            sa.select(Slot.id).where(Slot.occasion_id == other.today.id)
        ).first()
    donation_id, expense_id = waiting(database, other.community.community_id)
    values = _values(other, slot_id) | storeroom.ids(database) | counting.ids(database)
    values |= {"donation_id": donation_id, "expense_id": expense_id}
    leaked = []

    for step in _steps(app):
        if step.permission is None or not _names_a_row(step):
            continue
        role = min(PERMISSIONS[step.permission], key=list(Role).index)
        answer = browsers[role].send(step, values)
        if answer.status_code == 302:
            answer = browsers[role].client.get(answer.headers["Location"])
        if answer.status_code not in {403, 404, 422}:
            leaked.append(f"{step.name} as {role.value}: {answer.status_code}")

    assert leaked == []


def _names_a_row(step: Step) -> bool:
    return any(name.endswith(("_id", "number")) for name in step.rule.arguments)
