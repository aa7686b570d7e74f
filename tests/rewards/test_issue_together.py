"""Many who issue at once: numbers stay gapless and nobody is commended twice."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import sqlalchemy as sa

from ledger import clock
from ledger.database import Database
from tests.rewards.world import NOW, make_world
from timebank.actors import Actor, Permission, Role
from timebank.codes import CodeKeys
from timebank.errors import Refusal
from timebank.rewards import certificates
from timebank.rewards.commendations import dry_run, issue
from timebank.rewards.models import Certificate, CertificateRegister
from timebank.rewards.shortlist import Basis

THREADS = 16


def _world(database: Database) -> tuple[Actor, list[UUID], Basis]:
    with database.begin() as session:
        world = make_world(session)
        people = [world.add(f"志愿者{number}") for number in range(THREADS)]
        for person in people:
            world.serve(person, 6_000)
        basis = dry_run(session, world.desk).basis
        return (
            Actor(world.id, world.alice.id, frozenset({Role.SOCIAL_WORKER})),
            [person.id for person in people],
            basis,
        )


def _together(work: Callable[[int], str]) -> Counter[str]:
    """Run the work in sixteen threads that start at the same moment; count the answers."""
    barrier = Barrier(THREADS)

    def run(index: int) -> str:
        barrier.wait()
        with clock.at(NOW):
            try:
                return work(index)
            except Refusal as refusal:
                return refusal.code

    with ThreadPoolExecutor(THREADS) as pool:
        return Counter(pool.map(run, range(THREADS)))


def _numbers(database: Database) -> list[int]:
    with database.reading() as session:
        numbers = session.scalars(sa.select(Certificate.number).order_by(Certificate.number)).all()
        assert session.scalars(sa.select(CertificateRegister.last_number)).one() == len(numbers)
        return list(numbers)


def test_sixteen_who_issue_at_once_leave_no_gap(database: Database, keys: CodeKeys) -> None:
    actor, people, basis = _world(database)

    def give(index: int) -> str:
        with database.begin() as session:
            issue(session, actor, keys, member_ids=[people[index]], basis=basis)
        return "issued"

    assert _together(give) == {"issued": THREADS}
    assert _numbers(database) == list(range(1, THREADS + 1))


def test_half_of_them_failing_leaves_no_gap(database: Database, keys: CodeKeys) -> None:
    actor, people, basis = _world(database)

    def give(index: int) -> str:
        with database.begin() as session:
            issue(session, actor, keys, member_ids=[people[index]], basis=basis)
            if index % 2:
                actor.require(Permission.ADMINISTER)
        return "issued"

    assert _together(give) == {"issued": THREADS // 2, "not_allowed": THREADS // 2}
    assert _numbers(database) == list(range(1, THREADS // 2 + 1))


def test_one_person_ticked_by_sixteen_gets_one(database: Database, keys: CodeKeys) -> None:
    actor, people, basis = _world(database)

    def give(_: int) -> str:
        with database.begin() as session:
            issue(session, actor, keys, member_ids=[people[0]], basis=basis)
        return "issued"

    assert _together(give) == {"issued": 1, "not_eligible": THREADS - 1}
    assert _numbers(database) == [1]


def test_of_sixteen_who_revoke_one_wins(database: Database, keys: CodeKeys) -> None:
    actor, people, basis = _world(database)
    with database.begin() as session:
        (paper,) = issue(session, actor, keys, member_ids=[people[0]], basis=basis)

    def take(_: int) -> str:
        with database.begin() as session:
            certificates.revoke(session, actor, certificate_id=paper.id, reason="x")
        return "revoked"

    assert _together(take) == {"revoked": 1, "already_revoked": THREADS - 1}
