"""A check leaves a record, and the block from which the next one goes on."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from ledger import seal
from ledger.database import Database
from tests.insight.story import Story
from timebank.actors import Actor
from timebank.audit import AuditEvent
from timebank.errors import NotAllowed
from timebank.insight import self_checks
from timebank.insight.anchors import read_anchors
from timebank.insight.verification import Checkpoint, Scope, Verification, verify

HASH = "ab" * 32


def _seal(story: Story, database: Database) -> None:
    with database.begin() as session:
        assert seal.seal(session, story.world.community.community_id)


def _verified(database: Database, scope: Scope) -> Verification:
    with database.reading() as session:
        return verify(session, scope)


def _keep(database: Database, story: Story, found: Verification) -> None:
    with database.begin() as session:
        self_checks.keep(session, story.auditor, found.books[0])


def _since(database: Database) -> Scope:
    with database.reading() as session:
        return Scope(since=self_checks.checkpoints(session))


def test_the_next_check_goes_on_from_the_last_clean_one(story: Story, database: Database) -> None:
    _seal(story, database)
    first = _verified(database, _since(database))
    _keep(database, story, first)

    again = _verified(database, _since(database))

    assert (first.books[0].is_full, again.books[0].is_full) == (True, False)
    assert first.books[0].item_count > 0
    assert (again.books[0].item_count, again.books[0].findings) == (0, ())
    assert again.books[0].checkpoint == first.books[0].checkpoint


def test_a_check_says_what_it_went_through(story: Story, database: Database) -> None:
    _seal(story, database)
    found = _verified(database, Scope())
    _keep(database, story, found)

    with database.reading() as session:
        kept = self_checks.last_check(session, story.world.community.community_id)

    assert kept is not None
    assert kept.is_clean
    assert kept.is_full
    assert kept.item_count == found.books[0].item_count
    assert kept.milliseconds == found.books[0].milliseconds


def test_a_check_of_an_earlier_version_is_still_read(story: Story, database: Database) -> None:
    community_id = story.world.community.community_id
    with database.begin() as session:
        session.add(
            AuditEvent(
                community_id=community_id,
                id=community_id,
                recorded_at=datetime(2026, 11, 1, tzinfo=UTC),
                actor="system:test",
                action="verify_book",
                subject=f"book:{community_id}",
                details={"transaction_count": 7, "finding_count": 1},
            )
        )

    with database.reading() as session:
        kept = self_checks.last_check(session, community_id)

    assert kept is not None
    assert (kept.transaction_count, kept.is_clean, kept.item_count) == (7, False, None)


def test_the_same_checkpoint_is_kept_once(story: Story, database: Database) -> None:
    for _ in range(2):
        with database.begin() as session:
            self_checks.keep_checkpoint(session, story.auditor, Checkpoint(1, 5, HASH))

    count = sa.select(sa.func.count()).where(AuditEvent.action == "keep_checkpoint")
    with database.reading() as session:
        assert session.scalar(count) == 1


def test_only_those_who_read_the_books_keep_a_checkpoint(story: Story, database: Database) -> None:
    charlie: Actor = story.world.actor(story.world.charlie)

    with database.begin() as session, pytest.raises(NotAllowed):
        self_checks.keep_checkpoint(session, charlie, Checkpoint(1, 5, HASH))


def test_an_anchor_of_a_book_that_is_gone_is_a_finding(story: Story, database: Database) -> None:
    anchors = read_anchors([f"Z 3 {HASH} 2026-11-22T00:00:00+00:00\n", "\n"])

    found = _verified(database, Scope(anchors=anchors))

    assert ("anchor_missing", "book:Z") in {
        (finding.code, finding.subject) for finding in found.database_findings
    }


def test_an_anchor_is_looked_for_in_its_own_book(story: Story, database: Database) -> None:
    _seal(story, database)
    with database.reading() as session:
        head = seal.head(session, story.world.community.community_id)
    kept = read_anchors([f"D {head.block_no} {head.block_hash.hex()} now"])
    forged = read_anchors([f"D {head.block_no} {HASH} now"])

    assert _verified(database, Scope(anchors=kept)).books[0].findings == ()
    codes = [each.code for each in _verified(database, Scope(anchors=forged)).books[0].findings]
    assert codes == ["anchor_missing", "first_bad_block"]


@pytest.mark.parametrize("line", ["D", "D x ab now", "D 1 abcd now", f"D 1 {HASH} now more"])
def test_a_line_that_is_no_anchor_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="line 2 is no anchor"):
        read_anchors([f"D 1 {HASH} now", line])
