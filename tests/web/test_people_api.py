"""The API of people: tokens, members, roles, PIN, cards; one error shape; the specification."""

from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ledger.database import Database
from tests.makers import PASSWORD, SignIn, make_community, make_member, make_sign_in
from timebank.actors import Actor, Role
from timebank.people import sign_ins
from timebank.people.models import Community, Member

MEMBERS = "/api/v1/members"


@pytest.fixture
def community(database: Database) -> Community:
    with database.begin() as session:
        return make_community(session)


@pytest.fixture
def alice(database: Database, community: Community) -> Member:
    with database.begin() as session:
        return make_member(session, community, "Alice")


class Machine:
    """A program that holds a token."""

    def __init__(self, client: FlaskClient, who: SignIn, community: str = "D") -> None:
        self.client = client
        answer = client.post(
            "/api/v1/tokens",
            json={
                "phone": who.phone,
                "password": who.password,
                "community": community,
                "name": "kiosk",
            },
        )
        assert answer.status_code == 201, answer.get_json()
        self.token = answer.get_json()["token"]
        self.token_id = answer.get_json()["about"]["id"]

    def send(self, method: str, path: str, body: Any = None) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}", "Accept-Language": "en"}
        return self.client.open(path, method=method, headers=headers, json=body)


@pytest.fixture
def machine(database: Database, community: Community, client: FlaskClient) -> Machine:
    """Acts as a social worker."""
    with database.begin() as session:
        who = make_sign_in(session, make_member(session, community, "文", Role.SOCIAL_WORKER))
    return Machine(client, who)


def test_a_token_says_who_it_acts_as(machine: Machine) -> None:
    answer = machine.send("GET", "/api/v1/me")

    me = answer.get_json()
    assert (me["name"], me["number"], me["community"]) == ("文", "V0001", "D")
    assert me["roles"] == ["social_worker"]


def test_a_revoked_token_is_nobodys(machine: Machine) -> None:
    listed = machine.send("GET", "/api/v1/tokens").get_json()
    gone = machine.send("DELETE", f"/api/v1/tokens/{machine.token_id}")
    after = machine.send("GET", "/api/v1/me")

    assert [token["id"] for token in listed] == [machine.token_id]
    assert gone.status_code == 204
    assert after.status_code == 401
    assert after.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"password": "wrong"}, 403, "wrong_password"),
        ({"phone": "13999999999"}, 403, "wrong_password"),
        ({"community": "Z"}, 404, "community_not_found"),
        ({"phone": "1"}, 422, "invalid"),
        ({"bogus": 1}, 422, "invalid"),
    ],
)
def test_a_token_is_refused_with_a_reason(
    client: FlaskClient, database: Database, alice: Member, changed: Any, status: int, code: str
) -> None:
    with database.begin() as session:
        who = make_sign_in(session, alice)
    body = {"phone": who.phone, "password": PASSWORD, "community": "D", "name": "kiosk"}

    answer = client.post("/api/v1/tokens", json=body | changed)

    assert (answer.status_code, answer.get_json()["code"]) == (status, code)


def test_a_signed_in_browser_has_no_say_in_the_api(
    client: FlaskClient, database: Database, alice: Member, sign_in: Any
) -> None:
    with database.begin() as session:
        who = make_sign_in(session, alice)
    browser = sign_in(who)

    assert browser.get("/api/v1/me").status_code == 401


def test_a_member_is_added_once_per_id(machine: Machine) -> None:
    body = {"id": str(uuid4()), "name": "莫建国", "team": "三组"}

    first = machine.send("POST", MEMBERS, body)
    second = machine.send("POST", MEMBERS, body)

    assert first.status_code == 201
    assert first.get_json() == second.get_json()
    assert first.get_json()["number"] == "V0002"


def test_each_wrong_field_is_named(machine: Machine) -> None:
    answer = machine.send("POST", MEMBERS, {"name": "", "team": "x" * 61, "price": 1})

    assert answer.status_code == 422
    assert answer.get_json() == {
        "code": "invalid",
        "message": "Please check what was entered.",
        "details": {
            "fields": {
                "name": ["Please fill this in."],
                "team": ["At most 60 characters; you typed 61."],
                "price": ["Unknown field."],
            }
        },
    }


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 5_000, "9" * 5_000, "[", b"\xff"])
@pytest.mark.parametrize("path", [MEMBERS, "/api/v1/tokens"])
def test_a_body_that_cannot_be_read_is_a_bad_request(
    machine: Machine, path: str, body: str | bytes
) -> None:
    headers = {"Authorization": f"Bearer {machine.token}", "Content-Type": "application/json"}

    answer = machine.client.post(path, data=body, headers=headers)

    assert (answer.status_code, answer.get_json()["code"]) == (400, "bad_request")


def test_a_token_ends_with_the_password(
    client: FlaskClient, database: Database, alice: Member
) -> None:
    with database.begin() as session:
        who = make_sign_in(session, alice)
    own = Machine(client, who)
    assert own.send("GET", f"{MEMBERS}/{alice.id}").status_code == 200

    with database.begin() as session:
        system = Actor.system(alice.community_id, "test")
        sign_ins.reset_password(session, system, alice.id, password="another-one")

    assert own.send("GET", f"{MEMBERS}/{alice.id}").status_code == 401


def test_a_phone_without_a_password_is_refused(machine: Machine) -> None:
    answer = machine.send("POST", MEMBERS, {"name": "莫建国", "phone": "13812345678"})

    assert answer.status_code == 422
    assert list(answer.get_json()["details"]["fields"]) == ["password"]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=1_0", "order=x", "x=1"])
def test_a_list_refuses_what_it_does_not_know(machine: Machine, query: str) -> None:
    assert machine.send("GET", f"{MEMBERS}?{query}").status_code == 422


def test_a_list_is_cut(machine: Machine, alice: Member) -> None:
    page = machine.send("GET", f"{MEMBERS}?limit=1&offset=1").get_json()

    assert [member["name"] for member in page["members"]] == ["Alice"]
    assert page["total_count"] == 2


def test_a_member_is_changed_step_by_step(machine: Machine, alice: Member) -> None:
    path = f"{MEMBERS}/{alice.id}"

    edited = machine.send("PUT", path, {"name": "Alicia", "team": ""})
    roles = machine.send("PUT", f"{path}/roles", {"roles": ["leader", "volunteer"]})
    pin = machine.send("PUT", f"{path}/pin", {"pin": "4826"})
    card = machine.send("POST", f"{path}/card")
    revoked = machine.send("DELETE", f"{path}/card")
    standing = machine.send(
        "PUT", f"{path}/standing", {"action": "suspend", "reason": "on holiday"}
    )

    assert edited.get_json()["name"] == "Alicia"
    assert roles.get_json() == {"roles": ["leader", "volunteer"]}
    assert pin.status_code == 204
    assert card.get_json()["card"]["version"] == 1
    assert len(card.get_json()["token"]) == 16
    assert revoked.get_json()["revoked_at"] is not None
    assert standing.get_json()["status"] == "suspended"


@pytest.mark.parametrize(
    ("method", "part", "body"),
    [
        ("GET", "", None),
        ("PUT", "", {"name": "Mine", "team": ""}),
        ("PUT", "/roles", {"roles": []}),
        ("PUT", "/standing", {"action": "suspend", "reason": "x"}),
        ("PUT", "/pin", {"pin": "4826"}),
        ("POST", "/card", None),
        ("DELETE", "/card", None),
    ],
)
def test_another_communitys_member_is_not_there(
    machine: Machine, database: Database, method: str, part: str, body: Any
) -> None:
    with database.begin() as session:
        bob = make_member(session, make_community(session, code="A"), "Bob")

    answer = machine.send(method, f"{MEMBERS}/{bob.id}{part}", body)

    assert (answer.status_code, answer.get_json()["code"]) == (404, "member_not_found")


def test_volunteers_see_themselves_alone(
    client: FlaskClient, database: Database, community: Community, alice: Member
) -> None:
    with database.begin() as session:
        bob = make_member(session, community, "Bob")
        who = make_sign_in(session, bob)
    machine = Machine(client, who)

    assert machine.send("GET", f"{MEMBERS}/{bob.id}").status_code == 200
    assert machine.send("GET", f"{MEMBERS}/{alice.id}").status_code == 404
    assert machine.send("GET", MEMBERS).status_code == 403


def test_the_specification_names_permissions_and_refusals(client: FlaskClient) -> None:
    spec = client.get("/openapi.json").get_json()

    operation = spec["paths"]["/api/v1/members"]["post"]
    assert spec["openapi"].startswith("3.1")
    assert operation["x-permission"] == "manage_members"
    assert operation["security"] == [{"token": []}]
    assert {"201", "401", "403", "409", "422"} <= set(operation["responses"])
    assert spec["paths"]["/api/v1/tokens"]["post"]["security"] == []


def test_the_page_of_the_api_shows_every_operation(client: FlaskClient) -> None:
    spec = client.get("/openapi.json").get_json()
    page = client.get("/docs").get_data(as_text=True)

    for path, operations in spec["paths"].items():
        for method in operations.keys() - {"parameters"}:
            assert f"{method.upper()} {path}" in page
