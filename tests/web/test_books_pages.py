"""The book in public, and the proof of an entry: page, file and API."""

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from ledger import clock, journal, seal
from ledger.database import Database
from ledger.ids import new_id
from ledger.journal import Draft, Leg
from tests.makers import SignIn, make_community, make_member, make_sign_in
from timebank import chart
from timebank.actors import Actor, Role
from timebank.insight import receipt_check, receipt_document, sealing, self_checks
from timebank.insight.verification import verify_book
from timebank.people import tokens
from timebank.people.models import Community

MORNING = clock.now().replace(year=2026, month=11, day=20, hour=1, minute=0, second=0)
"""Nine o'clock in Shanghai."""
A_DAY = timedelta(days=1)

EnterAs = Callable[[SignIn], FlaskClient]


@pytest.fixture
def community(database: Database) -> Community:
    with clock.at(MORNING), database.begin() as session:
        return make_community(session, code="D")


@pytest.fixture
def alice(database: Database, community: Community) -> SignIn:
    return _member(database, community, "Alice", Role.VOLUNTEER)


def _member(database: Database, community: Community, name: str, *roles: Role) -> SignIn:
    with database.begin() as session:
        return make_sign_in(session, make_member(session, community, name, *roles))


def _give(database: Database, community: Community) -> UUID:
    """Give Alice three points; she is the first member."""
    with database.begin() as session:
        points_id = chart.open_member_accounts(session, community.community_id, 1).points_id
        issuance = chart.points_issuance_id(session, community.community_id)
        legs = (Leg(issuance, -3), Leg(points_id, 3))
        key = str(new_id())
        draft = Draft("gift", legs, MORNING.date(), key, "system:test", "gift:1", "")
        return journal.post(session, community.community_id, draft).transaction_id


def _head(database: Database, community: Community) -> str:
    with database.reading() as session:
        return seal.head(session, community.community_id).block_hash.hex()


# ---------------------------------------------------------------- the public page


def test_anybody_sees_the_head_of_each_day(
    client: FlaskClient, database: Database, community: Community, alice: SignIn
) -> None:
    digests = []
    for number in range(3):
        with clock.at(MORNING + number * A_DAY):
            _give(database, community)
            sealing.seal_waiting(database)
            digests.append(_head(database, community))

    with clock.at(MORNING + 2 * A_DAY):
        shown = client.get("/books/D/").get_data(as_text=True).replace("<wbr>", "")
        before = client.get("/books/D/?until=2026-11-21").get_data(as_text=True)

    assert [shown.count(digest) for digest in digests] == [1, 1, 2]
    assert "第 3 封" in shown
    assert [before.replace("<wbr>", "").count(digest) for digest in digests] == [1, 1, 1]
    assert "往后七天" in before


def test_the_last_self_check_stands_beside_the_head(
    client: FlaskClient, database: Database, community: Community
) -> None:
    sealing.seal_waiting(database)
    assert "还没有查过" in client.get("/books/D/").get_data(as_text=True)

    actor = Actor.system(community.community_id, "test")
    with database.reading() as session:
        report = verify_book(session, actor)
    with database.begin() as session:
        self_checks.keep(session, actor, report)

    assert "全部无误" in client.get("/books/D/").get_data(as_text=True)


def test_an_empty_book_and_odd_days_are_answered(
    client: FlaskClient, community: Community, database: Database
) -> None:
    assert "还没有封存任何记录" in client.get("/books/D/").get_data(as_text=True)
    sealing.seal_waiting(database)

    for until in ("x", "0001-01-01", "9999-12-31", "2026-02-30", ""):
        assert client.get("/books/D/", query_string={"until": until}).status_code == 200
    assert client.get("/books/X/").status_code == 404


def test_any_seal_is_found_by_its_number(
    client: FlaskClient, database: Database, community: Community, alice: SignIn
) -> None:
    digests = []
    for _ in range(2):
        _give(database, community)
        sealing.seal_waiting(database)
        digests.append(_head(database, community))

    for typed in ("1", " １ "):  # the second as a Chinese keyboard types it
        shown = client.get("/books/D/", query_string={"seal": typed}).get_data(as_text=True)
        assert digests[0] in shown.replace("<wbr>", "")
    for wrong in ("3", "0", "-1", "x", "9" * 30, "\x00"):
        answer = client.get("/books/D/", query_string={"seal": wrong})
        assert answer.status_code == 200
        assert "没有这一封" in answer.get_data(as_text=True)
        assert digests[0] not in answer.get_data(as_text=True).replace("<wbr>", "")


def test_one_community_is_shown_at_once_and_of_several_one_is_chosen(
    client: FlaskClient, community: Community, database: Database
) -> None:
    assert client.get("/books/").headers["Location"] == "/books/D/"
    with database.begin() as session:
        make_community(session, code="A")

    shown = client.get("/books/").get_data(as_text=True)

    assert "/books/A/" in shown
    assert "/books/D/" in shown


# ---------------------------------------------------------------- the proof


def test_a_member_downloads_the_proof_of_an_entry_and_it_holds(
    database: Database, community: Community, alice: SignIn, sign_in: EnterAs
) -> None:
    transaction_id = _give(database, community)
    browser = sign_in(alice)
    waiting = browser.get(f"/proof/{transaction_id}.json")
    sealing.seal_waiting(database)

    answer = browser.get(f"/proof/{transaction_id}.json")

    assert waiting.status_code == 409
    assert "还没有封存" in waiting.get_data(as_text=True)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    head = bytes.fromhex(_head(database, community))
    verdict = receipt_check.check(receipt_document.read(answer.data), [head])
    assert verdict.is_valid, verdict.sentence
    statement = browser.get("/me/statement/points").get_data(as_text=True)
    assert f"/proof/{transaction_id}.json" in statement


def test_the_api_answers_with_the_same_document(
    client: FlaskClient, database: Database, community: Community, alice: SignIn, sign_in: EnterAs
) -> None:
    transaction_id = _give(database, community)
    address = f"/api/v1/transactions/{transaction_id}/receipt"
    headers = {"Authorization": f"Bearer {_token(database, alice)}"}
    waiting = client.get(address, headers=headers)
    sealing.seal_waiting(database)

    answer = client.get(address, headers=headers)

    assert (waiting.status_code, waiting.get_json()["code"]) == (409, "not_sealed_yet")
    file = sign_in(alice).get(f"/proof/{transaction_id}.json")
    assert answer.get_json() == json.loads(file.data)


def _token(database: Database, who: SignIn) -> str:
    with database.begin() as session:
        return tokens.issue_token(
            session, phone=who.phone, password=who.password, community_code="D", name="test"
        ).token


def test_who_may_not_see_an_entry_has_no_proof_of_it(
    database: Database, community: Community, alice: SignIn, sign_in: EnterAs
) -> None:
    transaction_id = _give(database, community)
    sealing.seal_waiting(database)
    with database.begin() as session:
        other = make_community(session, code="A")
    auditor = _member(database, community, "Carol", Role.AUDITOR)
    strangers = (
        _member(database, community, "Bob", Role.VOLUNTEER),
        _member(database, community, "Kai", Role.CLERK),
        _member(database, other, "Xu", Role.AUDITOR),
    )

    assert sign_in(auditor).get(f"/proof/{transaction_id}.json").status_code == 200
    for stranger in strangers:
        assert sign_in(stranger).get(f"/proof/{transaction_id}.json").status_code == 404


def test_looking_at_a_proof_takes_few_statements(
    database: Database, community: Community, alice: SignIn, sign_in: EnterAs
) -> None:
    transaction_id = _give(database, community)
    sealing.seal_waiting(database)
    browser = sign_in(alice)
    count = 0

    def counted(*_: object) -> None:
        nonlocal count
        count += 1

    sa.event.listen(sa.Engine, "before_cursor_execute", counted)
    try:
        browser.get(f"/proof/{transaction_id}.json")
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", counted)

    assert 0 < count <= 12
