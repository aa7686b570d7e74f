"""The API of rewards: the same rules for machines."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ledger import clock
from ledger.database import Database
from tests.makers import make_sign_in, system_actor
from tests.rewards.world import NOW, World, make_world
from timebank.actors import Role
from timebank.people import tokens
from timebank.people.members import set_roles

API = "/api/v1"
Headers = dict[str, str]

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def world(database: Database) -> World:
    with database.begin() as session:
        made = make_world(session)
        roles = frozenset({Role.VOLUNTEER, Role.SOCIAL_WORKER})
        set_roles(session, system_actor(made.community), made.alice.id, roles=roles)
        made.serve(made.bob, 6_000)
        return made


def _token(database: Database, world: World, name: str) -> Headers:
    with database.begin() as session:
        who = make_sign_in(session, getattr(world, name))
        issued = tokens.issue_token(
            session,
            phone=who.phone,
            password=who.password,
            community_code=world.community.code,
            name="test",
        )
    return {"Authorization": f"Bearer {issued.token}"}


@pytest.fixture
def desk(database: Database, world: World) -> Headers:
    return _token(database, world, "alice")


def told(answer: TestResponse) -> Any:
    """Return what the answer says; every answer of the API is JSON."""
    return answer.get_json()


def _shown(client: FlaskClient, desk: Headers) -> dict[str, Any]:
    answer = client.get(f"{API}/commendations/dry-run", headers=desk)
    assert answer.status_code == 200
    run: dict[str, Any] = told(answer)
    return {
        "period_from": run["period_from"],
        "period_to": run["period_to"],
        "rule_version": run["rule_version"],
        "evidence_digest": run["evidence"]["digest"],
        "member_ids": [row["member_id"] for row in run["rows"] if row["is_eligible"]],
    }


def _issued(client: FlaskClient, desk: Headers) -> dict[str, Any]:
    answer = client.post(f"{API}/commendations", headers=desk, json=_shown(client, desk))
    assert answer.status_code == 201, told(answer)
    (certificate,) = told(answer)
    found: dict[str, Any] = certificate
    return found


def test_the_dry_run_gives_reasons_with_facts(client: FlaskClient, desk: Headers) -> None:
    run = told(client.get(f"{API}/commendations/dry-run", headers=desk))

    assert run["eligible_count"] == 1
    assert [row["number"] for row in run["rows"]] == ["V0001", "V0002", "V0003"]
    (reason,) = run["rows"][1]["reasons"]
    assert reason["code"] == "reached"
    assert reason["details"] == {"counted_minutes": 6000, "threshold_minutes": 6000, "stars": 1}


def test_the_whole_life_of_a_certificate(client: FlaskClient, desk: Headers) -> None:
    issued = _issued(client, desk)
    place = f"{API}/certificates/{issued['id']}"

    valid = client.get(f"{API}/verifications/{issued['code']}")
    revoked = client.post(f"{place}/revocation", headers=desk, json={"reason": "姓名印错"})
    after = client.get(f"{API}/verifications/{issued['code'].lower()}")
    again = client.post(f"{place}/revocation", headers=desk, json={"reason": "x"})

    assert (valid.status_code, told(valid)["status"], told(valid)["name"]) == (
        200,
        "valid",
        "韦*芬",
    )
    assert (revoked.status_code, told(revoked)["status"]) == (200, "revoked")
    assert (told(after)["revoked_on"], told(after)["revoke_reason"]) == ("2026-11-20", "姓名印错")
    assert (again.status_code, told(again)["code"]) == (409, "already_revoked")
    assert told(client.get(place, headers=desk))["number"] == "D2026-000001"
    assert len(told(client.get(f"{API}/certificates", headers=desk))) == 1


def test_the_holder_sees_their_own_and_nobody_elses(
    client: FlaskClient, database: Database, world: World, desk: Headers
) -> None:
    place = f"{API}/certificates/{_issued(client, desk)['id']}"
    bob, charlie = (_token(database, world, name) for name in ("bob", "charlie"))

    assert client.get(place, headers=bob).status_code == 200
    assert client.get(place, headers=charlie).status_code == 404
    assert client.get(place).status_code == 401
    assert len(told(client.get(f"{API}/me/certificates", headers=bob))) == 1
    assert told(client.get(f"{API}/me/certificates", headers=charlie)) == []
    assert client.get(f"{API}/certificates", headers=bob).status_code == 403


def test_a_volunteer_neither_lists_nor_issues(
    client: FlaskClient, database: Database, world: World, desk: Headers
) -> None:
    shown = _shown(client, desk)
    bob = _token(database, world, "bob")

    answers = [
        client.get(f"{API}/commendations/dry-run", headers=bob),
        client.post(f"{API}/commendations", headers=bob, json=shown),
    ]

    assert [told(answer)["code"] for answer in answers] == ["not_allowed", "not_allowed"]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"evidence_digest": "0" * 64}, 409, "evidence_changed"),
        ({"rule_version": 2}, 409, "evidence_changed"),
        ({"period_to": "2026-11-19"}, 409, "evidence_changed"),
        ({"period_to": "2026-11-21"}, 422, "wrong_period"),
        ({"member_ids": []}, 422, "invalid"),
        ({"member_ids": ["x"]}, 422, "invalid"),
        ({"evidence_digest": "x"}, 422, "invalid"),
        ({"stars": 5}, 422, "invalid"),
        ({"notes": "字" * 121}, 422, "invalid"),
    ],
)
def test_what_does_not_fit_is_refused(
    client: FlaskClient, desk: Headers, changes: dict[str, Any], status: int, code: str
) -> None:
    sent = _shown(client, desk) | changes

    answer = client.post(f"{API}/commendations", headers=desk, json=sent)

    assert (answer.status_code, told(answer)["code"]) == (status, code)
    assert told(client.get(f"{API}/certificates", headers=desk)) == []


@pytest.mark.parametrize("code", ["D2026-000001.AAAAAAAAAAAAAAAAA", "x", "%00", "D2026-000001"])
def test_an_unknown_certificate_is_not_found(client: FlaskClient, world: World, code: str) -> None:
    answer = client.get(f"{API}/verifications/{code}")

    assert (answer.status_code, told(answer)["code"]) == (404, "unknown_certificate")


def test_tables_of_stars_are_listed_and_released(client: FlaskClient, desk: Headers) -> None:
    table = {"thresholds_minutes": [600, 1200], "starts_on": "2026-12-01"}

    made = client.post(f"{API}/star-rules", headers=desk, json=table)
    wrong = client.post(
        f"{API}/star-rules", headers=desk, json=table | {"thresholds_minutes": [2, 1]}
    )
    listed = client.get(f"{API}/star-rules", headers=desk)

    assert (made.status_code, told(made)["version"]) == (201, 2)
    assert (wrong.status_code, told(wrong)["code"]) == (422, "wrong_thresholds")
    assert [row["version"] for row in told(listed)] == [2, 1]
