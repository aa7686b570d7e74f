"""Reservations in a verified book, and in the journals that others read."""

import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock, holds
from ledger.database import Database
from ledger.holds import Resolution
from ledger.journal import Draft, Leg
from ledger.schema import Transaction
from tests import tools
from tests.insight.story import DESK_DAY, SHOP_DAY, Story
from tests.insight.test_verification import _named, _verified
from tests.service.world import local
from timebank.actors import Role
from timebank.codes import CodeKeys
from timebank.insight.exports import JournalFormat, journal
from timebank.shop.collection import HandOver, collect
from timebank.shop.models import Item, Reservation
from timebank.shop.refunds import refund
from timebank.shop.reservations import cancel, reserve
from timebank.shop.reserved import Reserved

PIN = "4826"


def _reserve(story: Story, session: Session, place: int) -> Reserved:
    return reserve(
        session,
        story.world.actor(story.world.charlie),
        item_number=2,
        quantity=1,
        nonce=f"story-reservation-{place}",
    )


@pytest.fixture
def reserved(story: Story, database: Database, keys: CodeKeys) -> Story:
    """One of each: collected and returned, collected, cancelled, lapsed, open."""
    clerk = story.world.actor(story.world.bob, Role.CLERK)
    number = story.world.charlie.volunteer_number
    with clock.at(local("16:00", SHOP_DAY)), database.begin() as session:
        for place in (1, 2):
            kept = _reserve(story, session, place)
            wanted = HandOver(kept.reservation.id, number, f"story-hand-over-{place}", PIN)
            receipt = collect(session, clerk, keys, hand_over=wanted)
            if place == 1:
                number_returned = receipt.redemption.receipt_number
                refund(session, clerk, receipt_number=number_returned, reason="小了", nonce="back")
        kept = _reserve(story, session, 3)
        cancel(session, clerk, reservation_id=kept.reservation.id)
        _reserve(story, session, 4)
    with clock.at(local("16:00", DESK_DAY)), database.begin() as session:
        holds.expire_due(session, story.world.community.community_id, DESK_DAY)
        _reserve(story, session, 5)
    return story


def test_reservations_that_ended_in_every_way_have_their_papers(
    reserved: Story, database: Database
) -> None:
    found = _verified(database)

    assert found.finding_count == 0, found
    with database.reading() as session:
        kinds = session.scalars(
            sa.select(Transaction.kind).where(Transaction.kind.like("hold%"))
        ).all()
    assert sorted(kinds) == [*["hold"] * 5, "hold_expire", "hold_post", "hold_post", "hold_void"]
    assert reserved.kept_receipt_number == 1


DAMAGES = [
    ("UPDATE reservation SET transaction_id = id", "paper_differs"),
    ("UPDATE reservation SET quantity = 2, total_points = 2", "paper_differs"),
    ("UPDATE reservation SET total_points = 2, price_points = 2", "paper_differs"),
    ("UPDATE reservation SET member_id = id", "paper_differs"),
    ("UPDATE reservation SET item_id = id", "paper_differs"),
    ("DELETE FROM reservation", "without_paper"),
    (
        "DELETE FROM redemption_line WHERE redemption_id IN (SELECT id FROM redemption"
        " WHERE nonce = 'story-hand-over-2')",
        "pieces_differ",
    ),
    ("DELETE FROM redemption WHERE nonce = 'story-hand-over-2'", "without_paper"),
    (
        "UPDATE redemption SET transaction_id = (SELECT transaction_id FROM reservation"
        " WHERE nonce = 'story-reservation-5') WHERE nonce = 'story-hand-over-2'",
        "paper_differs",
    ),
]


def test_a_reservation_and_its_hold_go_together(
    reserved: Story, database: Database, owner_database: Database
) -> None:
    named = {damage: _named(owner_database, damage) for damage, _ in DAMAGES}

    assert [(damage, code) for damage, code in DAMAGES if code not in named[damage]] == []
    assert _verified(database).finding_count == 0  # each damage stood alone
    assert reserved.returned_receipt_number == 2


def test_a_hold_that_nobody_reserved_is_named_with_what_ends_it(
    story: Story, database: Database
) -> None:
    world = story.world
    with clock.at(local("16:00", SHOP_DAY)), database.begin() as session:
        community_id = world.community.community_id
        item = session.scalars(sa.select(Item).where(Item.number == 2)).one()
        legs = (Leg(item.stock_account_id, -1), Leg(item.out_account_id, 1))
        draft = Draft("hold", legs, SHOP_DAY, "aside", "system:test", "reservation:none", "")
        ends_at = local("18:00", SHOP_DAY)
        hold = holds.place(session, community_id, draft, expires_at=ends_at)
        ending = Resolution(SHOP_DAY, "back", "system:test", "reservation:none")
        holds.void(session, community_id, hold.transaction_id, ending)
        assert session.scalars(sa.select(Reservation)).all() == []

    (book,) = _verified(database).books
    assert [finding.code for finding in book.findings] == ["without_paper", "without_paper"]
    assert "reservation" in book.findings[0].message


@pytest.mark.databases("sqlite")
def test_journals_hold_what_was_collected_and_nothing_that_is_only_held(
    reserved: Story, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "book.journal"
    with database.reading() as session, path.open("w", encoding="utf-8") as file:
        wanted = JournalFormat.HLEDGER
        file.writelines(journal(session, reserved.auditor, journal_format=wanted))

    command = [str(tools.hledger()), "check", "--strict", "-f", str(path)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    text = path.read_text(encoding="utf-8")

    assert checked.returncode == 0, checked.stderr
    assert text.count("hold_post") == 2
    assert "hold_void" not in text
    assert "hold_expire" not in text
