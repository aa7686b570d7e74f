"""Stocktakes: counted by several, closed by fresh eyes, posted once against the book of now."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ledger import reports, verification
from ledger.database import Database
from ledger.errors import NotAllowed, Refusal
from ledger.schema import Account, Transaction
from tests.shop.keeping import put_by
from tests.shop.makers import World, fresh, make_item, make_world, stock_of
from tests.shop.racers import in_threads
from tests.shop.sales import do, sale_of
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.shop import stocktakes
from timebank.shop.counts import read_counts, read_lines
from timebank.shop.goods import ItemDetails, add_item
from timebank.shop.models import Item
from timebank.shop.stock_models import Stocktake, StocktakeState
from timebank.shop.stocktakes import Closing


def opened(session: Session, world: World, shelf: str | None = None) -> Stocktake:
    return stocktakes.open_stocktake(session, world.clerk, shelf=shelf, nonce=fresh())


def counted(
    session: Session,
    actor: Actor,
    taken: Stocktake,
    item: Item,
    pieces: int,
    *,
    is_total: bool = False,
    nonce: str | None = None,
) -> None:
    stocktakes.count(
        session,
        actor,
        stocktake_id=taken.id,
        item_number=item.number,
        piece_count=pieces,
        is_total=is_total,
        nonce=nonce or fresh(),
    )


def closed(session: Session, actor: Actor, taken: Stocktake, **reasons: str) -> Stocktake:
    """Close with a reason for every difference that is shown."""
    closings = {
        row.item.number: Closing(row.difference, reasons.get("reason", "清点少了"))
        for row in read_counts(session, taken)
        if row.difference
    }
    return stocktakes.close(session, actor, stocktake_id=taken.id, closings=closings)


def adjusted_of(session: Session, item: Item) -> int:
    account_id = session.scalar(
        sa.select(Account.id).where(Account.code == f"Goods:{item.number:04d}:Adjusted")
    )
    assert account_id is not None
    return reports.balance(session, item.community_id, account_id).posted_minor


def test_several_count_and_another_closes(session: Session, world: World) -> None:
    cup, scarf = make_item(session, world), make_item(session, world, name="围巾", pieces=3)
    taken = opened(session, world)
    leader = world.actor(world.bob, Role.CLERK)
    counted(session, world.clerk, taken, cup, 1)
    counted(session, leader, taken, cup, 2)
    counted(session, leader, taken, scarf, 4, is_total=True)

    done = closed(session, world.pricer, taken)

    assert done.state is StocktakeState.CLOSED
    assert (stock_of(session, cup), stock_of(session, scarf)) == (3, 4)
    assert (adjusted_of(session, cup), adjusted_of(session, scarf)) == (2, -1)
    lines = {item.number: line.difference for line, item in read_lines(session, taken)}
    assert lines == {cup.number: -2, scarf.number: 1}
    kinds = session.scalars(sa.select(Transaction.kind).where(Transaction.kind == "stock")).all()
    assert len(kinds) == 1
    assert verification.verify(session) == []


def test_what_nobody_counted_stays(session: Session, world: World) -> None:
    cup, scarf = make_item(session, world), make_item(session, world, name="围巾", pieces=3)
    taken = opened(session, world)
    counted(session, world.clerk, taken, cup, 5)

    done = closed(session, world.pricer, taken)

    assert done.transaction_id is None
    assert (stock_of(session, cup), stock_of(session, scarf)) == (5, 3)


def test_a_total_leaves_out_what_was_counted_before(session: Session, world: World) -> None:
    cup = make_item(session, world)
    taken = opened(session, world)
    counted(session, world.clerk, taken, cup, 9)
    counted(session, world.clerk, taken, cup, 0, is_total=True)
    counted(session, world.clerk, taken, cup, 2)

    closed(session, world.pricer, taken)

    assert stock_of(session, cup) == 2


def test_a_repeated_scan_counts_once(session: Session, world: World) -> None:
    cup = make_item(session, world)
    taken = opened(session, world)
    for _ in range(2):
        counted(session, world.clerk, taken, cup, 5, nonce="scan")

    with pytest.raises(Refusal) as reused:
        counted(session, world.clerk, taken, cup, 4, nonce="scan")

    assert reused.value.code == "nonce_reused"
    assert [row.counted for row in read_counts(session, taken)] == [5]


@pytest.mark.parametrize("who", ["opener", "counter"])
def test_who_opened_or_counted_does_not_close(session: Session, world: World, who: str) -> None:
    cup = make_item(session, world)
    taken = opened(session, world)
    counter = world.actor(world.bob, Role.CLERK)
    counted(session, counter, taken, cup, 5)

    with pytest.raises(Refusal) as refused:
        closed(session, world.clerk if who == "opener" else counter, taken)

    assert (refused.value.code, refused.value.status) == ("closed_by_another", 403)


def test_a_sale_in_between_asks_for_a_new_count(
    session: Session, world: World, keys: CodeKeys
) -> None:
    cup = make_item(session, world)
    taken = opened(session, world)
    counted(session, world.clerk, taken, cup, 5)
    do(session, world, keys, sale_of(world, (cup.number, 1)))

    with pytest.raises(Refusal) as refused:
        closed(session, world.pricer, taken)
    counted(session, world.clerk, taken, cup, 4, is_total=True)
    closed(session, world.pricer, taken)

    assert refused.value.code == "count_again"
    assert stock_of(session, cup) == 4


@pytest.mark.parametrize(
    ("closing", "code"),
    [
        (None, "difference_needs_reason"),
        (Closing(-1, " "), "difference_needs_reason"),
        (Closing(-2, "少了"), "difference_changed"),
        (Closing(-1, "长" * 201), "reason_invalid"),
    ],
)
def test_every_difference_says_why(
    session: Session, world: World, closing: Closing | None, code: str
) -> None:
    cup = make_item(session, world)
    taken = opened(session, world)
    counted(session, world.clerk, taken, cup, 4)

    closings = {cup.number: closing} if closing else {}
    with pytest.raises(Refusal) as refused:
        stocktakes.close(session, world.pricer, stocktake_id=taken.id, closings=closings)

    assert refused.value.code == code
    assert stock_of(session, cup) == 5


def test_reserved_pieces_that_are_missing_are_named(session: Session, world: World) -> None:
    cup = make_item(session, world, pieces=1)
    put_by(session, world, cup)
    taken = opened(session, world)
    counted(session, world.clerk, taken, cup, 0, is_total=True)

    with pytest.raises(Refusal) as refused:
        closed(session, world.pricer, taken)

    assert refused.value.code == "pieces_reserved"
    assert refused.value.details["have"] == 0


def test_a_shelf_is_counted_by_itself(session: Session, world: World) -> None:
    details = ItemDetails(name="毛线帽", shelf="A1")
    hat = add_item(session, world.clerk, details=details, nonce=fresh())
    cup = make_item(session, world)
    taken = opened(session, world, "A1")
    counted(session, world.clerk, taken, hat, 2)

    with pytest.raises(Refusal) as refused:
        counted(session, world.clerk, taken, cup, 1)
    closed(session, world.pricer, taken, reason="没有登记")

    assert refused.value.code == "not_on_shelf"
    assert (stock_of(session, hat), stock_of(session, cup)) == (2, 5)


def test_a_single_piece_is_never_two(session: Session, world: World) -> None:
    details = ItemDetails(name="虎头鞋", is_single=True)
    shoe = add_item(session, world.clerk, details=details, nonce=fresh())
    taken = opened(session, world)
    counted(session, world.clerk, taken, shoe, 2)

    with pytest.raises(Refusal) as refused:
        closed(session, world.pricer, taken)

    assert refused.value.code == "single_piece"


def test_one_stocktake_at_a_time(session: Session, world: World) -> None:
    cup = make_item(session, world)
    first = opened(session, world)
    again = stocktakes.open_stocktake(session, world.clerk, shelf=None, nonce=first.nonce)
    with pytest.raises(Refusal) as second:
        opened(session, world)

    stocktakes.call_off(session, world.clerk, stocktake_id=first.id)
    with pytest.raises(Refusal) as ended:
        counted(session, world.clerk, first, cup, 1)
    with pytest.raises(Refusal) as nothing:
        closed(session, world.pricer, opened(session, world))

    codes = [refused.value.code for refused in (second, ended, nothing)]
    assert codes == ["stocktake_open", "stocktake_ended", "nothing_counted"]
    assert again.id == first.id


def test_volunteers_and_the_system_do_not_count(session: Session, world: World) -> None:
    for actor in (world.actor(world.alice), world.system):
        with pytest.raises(NotAllowed):
            stocktakes.open_stocktake(session, actor, shelf=None, nonce=fresh())

    assert stocktakes.list_stocktakes(session, world.clerk) == []


def test_another_communitys_label_is_not_counted(session: Session, world: World) -> None:
    other = make_world(session, code="A")
    theirs = [make_item(session, other, name=name) for name in ("帽", "鞋")][-1]
    taken = opened(session, world)

    with pytest.raises(Refusal) as refused:
        counted(session, world.clerk, taken, theirs, 1)

    assert refused.value.code == "item_not_found"


# ---------------------------------------------------------------- races


def test_many_close_one_stocktake_once(database: Database) -> None:
    with database.begin() as session:
        world = make_world(session)
        cup = make_item(session, world)
        taken = opened(session, world)
        counted(session, world.clerk, taken, cup, 3)
    closers = [world.actor(member, Role.CLERK) for member in (world.alice, world.bob, world.wen)]

    def close(place: int) -> str:
        try:
            with database.begin() as session:
                closings = {cup.number: Closing(-2, "少了")}
                stocktakes.close(
                    session, closers[place % 3], stocktake_id=taken.id, closings=closings
                )
        except Refusal as refusal:
            return refusal.code
        return "closed"

    answers = in_threads(6, close)

    # The one who won is answered alike when they press again.
    assert sorted(answers) == ["closed"] * 2 + ["stocktake_ended"] * 4
    with database.reading() as session:
        assert stock_of(session, cup) == 3
        assert verification.verify(session) == []


def test_two_counters_lose_no_scan(database: Database) -> None:
    with database.begin() as session:
        world = make_world(session)
        cup = make_item(session, world, pieces=20)
        taken = opened(session, world)

    def scan(_place: int) -> str:
        with database.begin() as session:
            counted(session, world.clerk, taken, cup, 1)
        return "counted"

    in_threads(8, scan)

    with database.reading() as session:
        assert [row.counted for row in read_counts(session, taken)] == [8]


# ---------------------------------------------------------------- the database itself


@pytest.fixture
def history(session: Session, world: World) -> World:
    cup = make_item(session, world)
    taken = opened(session, world)
    counted(session, world.clerk, taken, cup, 4)
    closed(session, world.pricer, taken)
    counted(session, world.clerk, opened(session, world), cup, 4)
    session.commit()
    return world


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE stocktake SET state = 'open', ended_at = NULL, ended_by_id = NULL"
        " WHERE state = 'closed'",
        "UPDATE stocktake SET shelf = 'A1' WHERE state = 'open'",
        "UPDATE stocktake SET state = 'closed', ended_at = opened_at, ended_by_id = opened_by_id"
        " WHERE state = 'open'",
        "UPDATE stocktake SET transaction_id = id WHERE state = 'open'",
        "DELETE FROM stocktake",
        "UPDATE stocktake_count SET piece_count = 1",
        "DELETE FROM stocktake_count",
        "UPDATE stocktake_line SET reason = 'x'",
        "INSERT INTO stocktake_line (community_id, stocktake_id, item_id, counted, book_count,"
        " difference, reason) SELECT s.community_id, s.id, l.item_id, 3, 4, 0, ''"
        " FROM stocktake s, stocktake_line l WHERE s.state = 'open'",
        "INSERT INTO stocktake_line (community_id, stocktake_id, item_id, counted, book_count,"
        " difference, reason) SELECT s.community_id, s.id, l.item_id, 3, 4, -1, ''"
        " FROM stocktake s, stocktake_line l WHERE s.state = 'open'",
        "INSERT INTO stocktake_count (community_id, id, nonce, stocktake_id, item_id, piece_count,"
        " is_total, book_count, counted_by_id, counted_at) SELECT community_id, item_id, 'late',"
        " (SELECT id FROM stocktake WHERE state = 'closed'), item_id, 1, is_total, 1,"
        " counted_by_id, counted_at FROM stocktake_count LIMIT 1",
    ],
)
def test_a_stocktake_keeps_its_rules(
    owner_database: Database, history: World, statement: str
) -> None:
    with pytest.raises(DBAPIError), owner_database.begin() as session:
        session.execute(sa.text(statement))

    assert history.clara.number == 3


def test_a_counter_does_not_close_by_hand(owner_database: Database, history: World) -> None:
    counter = history.bob
    with owner_database.begin() as session:
        taken = session.scalars(sa.select(Stocktake).where(Stocktake.state == "open")).one()
        item = session.scalars(sa.select(Item)).one()
        counted(session, history.actor(counter, Role.CLERK), taken, item, 1)

    with pytest.raises(DBAPIError), owner_database.begin() as session:
        session.execute(
            sa.update(Stocktake)
            .where(Stocktake.id == taken.id)
            .values(state="closed", ended_at=taken.opened_at, ended_by_id=counter.id)
        )
