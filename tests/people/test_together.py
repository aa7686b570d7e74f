"""What many do at the same moment: numbers, wrong passwords, wrong PINs, one phone for two."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.database import Database
from ledger.errors import Refusal
from tests.makers import actor_of, make_community, make_member, make_sign_in, system_actor
from timebank.people import cards, pins, sign_ins
from timebank.people.errors import Counted
from timebank.people.models import Member, MemberCard, Person, SignInThrottle
from timebank.people.sign_in import sign_in

HANDS = 8


def _at_once(database: Database, act: Callable[[Session, int], object]) -> list[str]:
    """Let every hand act in a session of its own, as a view does; return the codes answered."""
    start = Barrier(HANDS)

    def run(hand: int) -> str:
        start.wait()
        try:
            with database.begin() as session:
                try:
                    act(session, hand)
                except Refusal as refusal:
                    if not isinstance(refusal, Counted):
                        raise
                    return refusal.code
        except Refusal as refusal:
            return refusal.code
        return "ok"

    with ThreadPoolExecutor(HANDS) as pool:
        return sorted(pool.map(run, range(HANDS)))


def test_numbers_given_at_once_are_gapless(database: Database) -> None:
    with database.begin() as session:
        community = make_community(session)

    answers = _at_once(
        database, lambda session, hand: make_member(session, community, f"Alice {hand}")
    )

    with database.reading() as session:
        numbers = sorted(session.scalars(sa.select(Member.number)))
    assert answers == ["ok"] * HANDS
    assert numbers == list(range(1, HANDS + 1))


def test_wrong_passwords_at_once_are_all_counted(database: Database) -> None:
    with database.begin() as session:
        who = make_sign_in(session, make_member(session, make_community(session)))

    answers = _at_once(
        database, lambda session, _: sign_in(session, phone=who.phone, password="wrong")
    )

    with database.reading() as session:
        counted = session.scalars(sa.select(SignInThrottle.failed_count)).one()
    assert answers == ["rate_limited"] * (HANDS - 5) + ["wrong_password"] * 5
    assert counted == 5


def test_wrong_pins_at_once_are_all_counted(database: Database) -> None:
    with database.begin() as session:
        alice = make_member(session, make_community(session))
        pins.set_pin(session, actor_of(alice), alice.id, pin="4826")

    def guess(session: Session, _: int) -> None:
        member = session.get_one(Member, (alice.community_id, alice.id))
        pins.check_pin(session, member, "0000")

    answers = _at_once(database, guess)

    assert answers == ["pin_locked"] * (HANDS - 5) + ["pin_wrong"] * 5


def test_one_phone_given_at_once_goes_to_one_member(database: Database) -> None:
    with database.begin() as session:
        community = make_community(session)
        people = [make_member(session, community, f"Alice {hand}") for hand in range(HANDS)]
    actor = system_actor(community)

    answers = _at_once(
        database,
        lambda session, hand: sign_ins.give_sign_in(
            session, actor, people[hand].id, phone="13812345678", password="k3-tulpe"
        ),
    )

    with database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Person)) == 1
    assert answers == ["ok"] + ["phone_taken"] * (HANDS - 1)


def test_cards_issued_at_once_leave_one_in_force(database: Database) -> None:
    with database.begin() as session:
        community = make_community(session)
        alice = make_member(session, community)
    actor = system_actor(community)

    answers = _at_once(database, lambda session, _: cards.issue_card(session, actor, alice.id))

    with database.reading() as session:
        rows = session.scalars(sa.select(MemberCard).order_by(MemberCard.version)).all()
    assert answers == ["ok"] * HANDS
    assert [card.version for card in rows] == list(range(1, HANDS + 1))
    assert [card.revoked_at is None for card in rows] == [False] * (HANDS - 1) + [True]
