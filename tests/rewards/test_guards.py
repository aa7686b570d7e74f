"""What the database itself refuses, whoever asks: its owner with hand-written SQL."""

import sqlite3

import pytest
import sqlalchemy as sa

from ledger.database import Database
from tests.rewards.world import make_world
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.rewards import certificates
from timebank.rewards.commendations import dry_run, issue
from timebank.rewards.models import Certificate


@pytest.fixture
def paper(database: Database, keys: CodeKeys) -> Certificate:
    """A committed certificate of one star."""
    with database.begin() as session:
        world = make_world(session)
        world.serve(world.bob, 6_000)
        basis = dry_run(session, world.desk).basis
        (issued,) = issue(session, world.desk, keys, member_ids=[world.bob.id], basis=basis)
        return issued


def _kept(database: Database, paper: Certificate) -> Certificate:
    with database.reading() as session:
        return session.get_one(Certificate, (paper.community_id, paper.id))


def test_verifying_needs_no_right_to_write(
    database: Database, paper: Certificate, keys: CodeKeys
) -> None:
    with database.reading() as session:
        found = certificates.verify_code(session, keys, code=paper.code)

    assert found.is_valid


FORBIDDEN = {
    "delete a certificate": "DELETE FROM certificate",
    "delete a commendation": "DELETE FROM commendation",
    "delete the register": "DELETE FROM certificate_register",
    "delete a table of stars": "DELETE FROM star_rule",
    "change the content": "UPDATE certificate SET content = '{}'",
    "change the number": "UPDATE certificate SET number = number + 1",
    "change the hash": "UPDATE certificate SET content_hash = commendation_id",
    "change the holder while revoking": (
        "UPDATE certificate SET status = 'revoked', revoked_at = issued_at, revoke_reason = 'x',"
        " member_id = issued_by_id"
    ),
    "revoke without a reason": (
        "UPDATE certificate SET status = 'revoked', revoked_at = issued_at"
    ),
    "write a reason on a valid one": "UPDATE certificate SET revoke_reason = 'x'",
    "revoke by the holder": (
        "UPDATE certificate SET status = 'revoked', revoked_at = issued_at, revoke_reason = 'x',"
        " revoked_by_id = member_id"
    ),
    "give more stars": "UPDATE commendation SET stars = 5",
    "lower a threshold": "UPDATE star_rule SET thresholds = '[1]'",
    "take a number back": "UPDATE certificate_register SET last_number = last_number - 1",
    "give a number twice": (
        "INSERT INTO certificate SELECT community_id, commendation_id, year, number, member_id,"
        " commendation_id, content, content_hash, status, issued_at, issued_by_id, revoked_at,"
        " revoked_by_id, revoke_reason FROM certificate"
    ),
    "use a number not taken": (
        "INSERT INTO certificate SELECT community_id, commendation_id, year, number + 1, member_id,"
        " commendation_id, content, content_hash, status, issued_at, issued_by_id, revoked_at,"
        " revoked_by_id, revoke_reason FROM certificate"
    ),
    "commend oneself": (
        "INSERT INTO commendation SELECT community_id, member_id, member_id, rule_version, stars,"
        " counted_minutes, period_from, period_to, evidence, member_id, issued_at FROM commendation"
    ),
}


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_the_database_refuses(owner_database: Database, paper: Certificate, statement: str) -> None:
    with pytest.raises(sa.exc.DatabaseError), owner_database.begin() as raw:
        raw.execute(sa.text(statement))

    kept = _kept(owner_database, paper)
    assert (kept.status, kept.number, kept.content) == ("valid", 1, paper.content)


def test_a_revoked_certificate_never_becomes_valid_again(
    database: Database, owner_database: Database, paper: Certificate
) -> None:
    actor = Actor(paper.community_id, paper.issued_by_id, frozenset({Role.SOCIAL_WORKER}))
    with database.begin() as session:
        certificates.revoke(session, actor, certificate_id=paper.id, reason="x")

    with pytest.raises(sa.exc.DatabaseError), owner_database.begin() as raw:
        raw.execute(
            sa.text(
                "UPDATE certificate SET status = 'valid', revoked_at = NULL, revoke_reason = NULL,"
                " revoked_by_id = NULL"
            )
        )

    assert _kept(owner_database, paper).status == "revoked"


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("table", ["certificate", "commendation", "certificate_register"])
def test_no_table_is_emptied(owner_database: Database, paper: Certificate, table: str) -> None:
    with pytest.raises(sa.exc.DatabaseError), owner_database.begin() as raw:
        raw.execute(sa.text(f"TRUNCATE {table} CASCADE"))

    assert _kept(owner_database, paper).number == 1


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("recursive_triggers", ["ON", "OFF"])
@pytest.mark.parametrize(
    "table", ["certificate", "commendation", "certificate_register", "star_rule"]
)
def test_replace_drops_nothing_in_silence(
    owner_database: Database, paper: Certificate, table: str, recursive_triggers: str
) -> None:
    connection = owner_database.engine.raw_connection()
    connection.execute(f"PRAGMA recursive_triggers = {recursive_triggers}")

    with pytest.raises(sqlite3.IntegrityError, match="history: "):
        connection.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
    connection.invalidate()

    assert _kept(owner_database, paper).number == 1
