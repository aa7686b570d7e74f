"""What is lost on the way has one effect all the same: faults between client and server."""

import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import journal, standalone
from ledger.database import ATTEMPTS_MAX, Database
from ledger.errors import Unavailable
from ledger.journal import Draft, Posted
from ledger.schema import Transaction
from ledger.verification import verify
from tests.conftest import Book
from tests.ledger.makers import World, make_world, move
from tests.ledger.proxy import CUTS, Fault, Proxy, proxy
from tests.servers import APPLICATION, OWNER, Server

POST, COMMIT = b"ledger_post(", b"COMMIT\0"  # not the word in READ COMMITTED
SQLSTATES = ("40001", "40P01", "55P03", "57P01", "57P03", "53300", "08006")
Way = Callable[[World, Draft], Posted]


def _alone(world: World, draft: Draft) -> Posted:
    return standalone.post(world.database, world.community_id, draft)


def _attempted(world: World, draft: Draft) -> Posted:
    return world.database.attempt(lambda session: journal.post(session, world.community_id, draft))


@pytest.fixture
def line(server: Server) -> Iterator[Proxy]:
    with proxy(server.folder / ".s.PGSQL.5432") as running:
        yield running


@pytest.fixture
def far(book: Book, line: Proxy) -> Iterator[World]:
    """A world whose database is reached through the proxy."""
    name = sa.make_url(book.url).database
    address = f"postgresql://{APPLICATION}@127.0.0.1:{line.port}/{name}?sslmode=disable"
    opened = Database(f"{address}&gssencmode=disable&application_name=far")
    yield make_world(opened)
    opened.dispose()


def _check_once(world: World, draft: Draft, posted: Posted) -> None:
    """One effect, the right answer, a healthy pool, a whole book."""
    again = _alone(world, draft)
    assert again == posted._replace(is_replay=True)
    with world.database.reading() as session:
        stored = session.execute(
            sa.select(Transaction.id, Transaction.recorded_at, Transaction.content_hash).where(
                Transaction.idempotency_key == draft.idempotency_key
            )
        ).all()
        assert [tuple(row) for row in stored] == [tuple(posted)[:3]]
        assert verify(session, world.community_id) == []
    assert world.holds(world.alice) == 5
    for _ in range(3):  # whatever was broken is no longer in the pool
        world.give(world.bob, 1)
        _alone(world, move(world.issuance, world.bob, 1))


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("fault", CUTS)
def test_a_post_alone_survives_a_cut(far: World, line: Proxy, fault: Fault) -> None:
    wanted = move(far.issuance, far.alice, 5)
    line.arm(fault, POST)

    posted = _alone(far, wanted)

    assert (line.struck_count, posted.is_replay) == (1, False)
    _check_once(far, wanted, posted)


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("mark", [POST, COMMIT, b"BEGIN"])
@pytest.mark.parametrize("fault", CUTS)
def test_an_attempt_survives_a_cut(far: World, line: Proxy, fault: Fault, mark: bytes) -> None:
    wanted = move(far.issuance, far.alice, 5)
    line.arm(fault, mark)

    posted = _attempted(far, wanted)

    was_written = mark == COMMIT and fault != Fault.CUT_BEFORE_THE_REQUEST
    assert (line.struck_count, posted.is_replay) == (1, was_written)
    _check_once(far, wanted, posted._replace(is_replay=False))


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("way", [_alone, _attempted])
@pytest.mark.parametrize("sqlstate", SQLSTATES)
def test_a_server_that_asks_for_it_is_asked_again(
    far: World, line: Proxy, sqlstate: str, way: Way
) -> None:
    wanted = move(far.issuance, far.alice, 5)
    mark = POST if way is _alone else COMMIT
    line.arm(Fault.FAIL_INSTEAD, mark, times=ATTEMPTS_MAX - 1, sqlstate=sqlstate)

    posted = way(far, wanted)

    assert (line.struck_count, posted.is_replay) == (ATTEMPTS_MAX - 1, False)
    _check_once(far, wanted, posted)


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("way", [_alone, _attempted])
def test_a_commit_in_doubt_is_sent_again(far: World, line: Proxy, way: Way) -> None:
    """WARNING 01000: it reports success, and may be lost with the machine."""
    wanted = move(far.issuance, far.alice, 5)
    line.arm(Fault.WARN_WITH_THE_ANSWER, POST if way is _alone else COMMIT, times=2)

    posted = way(far, wanted)

    assert line.struck_count == 2
    _check_once(far, wanted, posted._replace(is_replay=False))


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("way", [_alone, _attempted])
@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE_THE_ANSWER, Fault.WARN_WITH_THE_ANSWER])
def test_after_too_many_faults_it_stays_unknown_and_can_be_sent_again(
    far: World, line: Proxy, fault: Fault, way: Way
) -> None:
    wanted = move(far.issuance, far.alice, 5)
    line.arm(fault, POST if way is _alone else COMMIT, times=ATTEMPTS_MAX)

    with pytest.raises(Unavailable):
        way(far, wanted)

    assert line.struck_count == ATTEMPTS_MAX
    _check_once(far, wanted, way(far, wanted)._replace(is_replay=False))


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("way", [_alone, _attempted])
def test_a_pool_of_dead_connections_costs_no_post(far: World, server: Server, way: Way) -> None:
    """A server that was started again: more dead connections than there are attempts."""
    _fill_pools(far, 2 * ATTEMPTS_MAX)
    with psycopg.connect(
        host=str(server.folder), dbname=far.database.url.database, user=OWNER
    ) as owner:
        killed = owner.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = %s"
            " AND application_name = 'far'",
            [APPLICATION],
        ).fetchone()
    wanted = move(far.issuance, far.alice, 5)

    posted = way(far, wanted)

    assert killed == (4 * ATTEMPTS_MAX,)
    _check_once(far, wanted, posted)


def _fill_pools(world: World, count: int) -> None:
    all_are_in = threading.Barrier(count)

    def enter() -> None:
        with world.database.begin():
            all_are_in.wait(30)
        with world.database.door():
            all_are_in.wait(30)

    threads = [threading.Thread(target=enter) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.databases("postgresql")
def test_two_who_lock_each_other_out_both_come_through(own_world: World) -> None:
    world, turn = own_world, threading.Barrier(2)
    for account_id in (world.alice, world.bob):
        world.give(account_id, 10)

    def swap(first: Draft, second: Draft) -> None:
        tries = []

        def work(session: Session) -> None:
            journal.post(session, world.community_id, first)
            tries.append(1)
            if len(tries) == 1:
                turn.wait(30)
            journal.post(session, world.community_id, second)

        world.database.attempt(work)

    give, take = move(world.alice, world.issuance, 1), move(world.bob, world.issuance, 1)
    also_take, also_give = move(world.bob, world.issuance, 2), move(world.alice, world.issuance, 2)
    threads = [
        threading.Thread(target=swap, args=pair) for pair in ((give, take), (also_take, also_give))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (world.holds(world.alice), world.holds(world.bob)) == (7, 7)


@pytest.mark.databases("postgresql")
def test_a_session_that_idled_too_long_is_unavailable_and_the_next_works(
    own_world: World,
) -> None:
    def idle() -> None:
        with own_world.database.begin() as session, own_world.database.begin() as other:
            session.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = '20ms'"))
            me = session.scalar(sa.text("SELECT pg_backend_pid()"))
            is_there = sa.text(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {me}")
            while other.scalar(is_there):
                other.execute(sa.text("SELECT pg_sleep(0.02), pg_stat_clear_snapshot()"))
            session.execute(sa.text("SELECT 1"))

    with pytest.raises(Unavailable):
        idle()
    own_world.give(own_world.alice, 1)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("way", [_alone, _attempted])
def test_a_full_disk_is_unavailable_and_leaves_nothing(own_world: World, way: Way) -> None:
    own_world.give(own_world.alice, 5)
    narrow, wide = "PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000"

    def limit(_connection: object, _record: object, proxy: sa.PoolProxiedConnection) -> None:
        proxy.execute(setting[0])

    setting = [narrow]
    sa.event.listen(own_world.database.engine, "checkout", limit)
    many = journal.Draft(
        "service",
        tuple(
            journal.Leg(account, amount)
            for _ in range(400)
            for account, amount in ((own_world.issuance, -1), (own_world.bob, 1))
        ),
        move(own_world.alice, own_world.bob, 1).occurred_on,
        "big",
        "system:test",
        "s:1",
        "",
    )

    with pytest.raises(Unavailable):
        way(own_world, many)

    setting[0] = wide
    assert own_world.holds(own_world.bob) == 0
    assert not way(own_world, many).is_replay
    assert own_world.holds(own_world.bob) == 400
