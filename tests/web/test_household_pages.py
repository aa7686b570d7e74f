"""A member's household and helpers at the desk: written down by staff, every look logged."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from ledger import clock
from ledger.database import Database
from tests.makers import make_sign_in
from tests.shop.makers import NOON, World, make_world
from tests.visitors import csrf_token, sign_in
from timebank.audit import AuditEvent
from timebank.people.household_models import Helper, HouseholdMember


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with clock.at(NOON):
        yield


@pytest.fixture
def world(database: Database) -> World:
    with database.begin() as session:
        return make_world(session)


@pytest.fixture
def worker(client: FlaskClient, database: Database, world: World) -> FlaskClient:
    with database.begin() as session:
        who = make_sign_in(session, world.wen)
    return sign_in(client, who)


def post(client: FlaskClient, path: str, page: str, **fields: str) -> int:
    data = {"csrf_token": csrf_token(client, page), **fields}
    return client.post(path, data=data).status_code


def test_a_helper_is_written_down_and_ended(
    worker: FlaskClient, database: Database, world: World
) -> None:
    page = f"/desk/members/{world.alice.id}/household"
    agree = f"/desk/members/{world.alice.id}/helpers"

    answers = [
        post(worker, agree, page, helper=number, agreed_on="2026-11-20")
        for number in ("V0002", "V0002", "V0001", "V0004", "V0099", "x")
    ]
    shown = worker.get(page).get_data(as_text=True)
    with database.reading() as session:
        row_id = session.scalars(sa.select(Helper.id)).one()
    ended = post(worker, f"{agree}/{row_id}/end", page)

    assert answers == [303, 422, 422, 422, 422, 422]
    assert "V0002 鲍勃" in shown
    assert ended == 303
    assert "V0002 鲍勃" not in worker.get(page).get_data(as_text=True)


def test_a_household_is_made_joined_and_left_and_every_look_is_logged(
    worker: FlaskClient, database: Database, world: World
) -> None:
    page = f"/desk/members/{world.alice.id}/household"
    made = post(worker, page, page, nonce="one", label="3栋501")
    with database.reading() as session:
        household_id = session.scalars(sa.select(HouseholdMember.household_id)).one()
    joined = post(worker, f"{page}/{household_id}/join", page, number="V0002")
    left = post(worker, f"{page}/{household_id}/leave/{world.alice.id}", page)
    of_bob = worker.get(f"/desk/members/{world.bob.id}/household").get_data(as_text=True)

    assert (made, joined, left) == (303, 303, 303)
    assert "3栋501" in of_bob
    assert "3栋501" not in worker.get(page).get_data(as_text=True)
    with database.reading() as session:
        looks = session.scalar(
            sa.select(sa.func.count()).where(AuditEvent.action == "see_household")
        )
    assert looks == 3


def test_a_clerk_sees_no_household(client: FlaskClient, database: Database, world: World) -> None:
    with database.begin() as session:
        clerk = make_sign_in(session, world.clara)
    sign_in(client, clerk)

    assert client.get(f"/desk/members/{world.alice.id}/household").status_code == 403
