"""Random scripts against an independent in-memory model, the same on SQLite and on PostgreSQL.

After every step both databases must have answered as the model says, and one another in every
detail. At the end of a script every row of every ledger table is the same on both, verification
finds nothing, and balances, statements, history, activity and seal are what the model holds.

`make test` plays at least 20,000 steps; `make test-long` plays many more.
"""

import shutil
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from ledger import history, journal, reports
from ledger.database import Database
from ledger.seal import head
from ledger.verification import verify
from tests.ledger.model import Model
from tests.ledger.model_words import Answer, Named, Request
from tests.ledger.players import Full, Picture, Player, fixed_ids
from tests.ledger.scripts import ACCOUNTS, DAY_COUNT, FIRST_DAY, NOBODY, Act, write_script
from tests.servers import APPLICATION, Server

SHARD_COUNT = 4
SCRIPTS_PER_SHARD = 7
STEPS_MIN = 20_000
seeds = st.integers(0, 2**32)
_runs = count(1)

Both = tuple[Database, Database]


@pytest.fixture(scope="module")
def both(
    server: Server,
    postgresql_template: str,
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Both]:
    path = tmp_path_factory.mktemp("properties") / "book.sqlite3"
    shutil.copyfile(sqlite_template, path)
    name = server.create(postgresql_template)
    opened = (Database(f"sqlite:///{path}"), Database(server.url(name, APPLICATION)))
    yield opened
    for database in opened:
        database.dispose()


@pytest.mark.parametrize("shard", range(SHARD_COUNT))
def test_any_script_does_what_the_model_says_on_both_databases(
    both: Both, shard: int, capsys: pytest.CaptureFixture[str]
) -> None:
    played, began = [0], time.process_time()

    # No shrinking: the step that differs is named, and a seed's script can be played up to it.
    @settings(
        suppress_health_check=list(HealthCheck),
        max_examples=_script_count(),
        phases=[Phase.generate],
    )
    @given(seed=seeds, step_count=st.integers(380, 480))
    def play(seed: int, step_count: int) -> None:
        played[0] += 2 * step_count
        _play_on_both(both, f"{shard}:{seed}", step_count)

    play()

    with capsys.disabled():
        seconds = time.process_time() - began
        sys.stdout.write(f" {played[0]} steps in {seconds:.0f} s of processor time ")
    assert played[0] >= STEPS_MIN / SHARD_COUNT


@settings(suppress_health_check=list(HealthCheck), max_examples=12, phases=[Phase.generate])
@given(seed=seeds, step_count=st.integers(5, 40))
def test_a_refusal_changes_no_row_of_any_table(both: Both, seed: int, step_count: int) -> None:
    _play_on_both(both, f"watched:{seed}", step_count, is_watched=True)


def _script_count() -> int:
    """The profile of `make test-long` asks for many, that of `make test` for what is enough."""
    assert settings.default is not None, "tests.conftest loads a profile"
    return max(SCRIPTS_PER_SHARD, settings.default.max_examples // 10)


def _play_on_both(both: Both, seed: str, step_count: int, is_watched: bool = False) -> None:
    script, model = write_script(seed, step_count)
    community_id = UUID(int=next(_runs))
    seen = [_played(database, community_id, script, model, is_watched) for database in both]

    (answers, picture), (answers_too, picture_too) = seen
    for one, other in zip(answers, answers_too, strict=True):
        assert one == other
    assert picture == picture_too


def _played(
    database: Database, community_id: UUID, script: list[Act], model: Model, is_watched: bool
) -> tuple[list[Full], Picture]:
    """Play a script, compare it with the model, and return all that there is to see."""
    with fixed_ids(community_id.int):
        player = Player(database, community_id)
        answers = []
        for act in script:
            said = player.play(act, is_watched)
            for step, (answer, _) in zip(act.steps, said, strict=True):
                assert _agree(answer, step.expected), (step, answer)
            answers += said
        with database.reading() as session:
            assert verify(session, community_id) == []
            _look_at_balances(session, player, model)
            _look_at_history(session, player, model)
            picture = player.picture(session)
    _look_at_tables(picture, player, model)
    return answers, picture


def _agree(answer: Answer, expected: Answer) -> bool:
    return answer.outcome == expected.outcome and (
        expected.named in (None, answer.named) and expected.place == answer.place
    )


def _look_at_balances(session: Session, player: Player, model: Model) -> None:
    balances = reports.balances(session, player.community_id, player.accounts[:NOBODY])
    trial = reports.trial_balance(session, player.community_id)
    posted = {account.code: total for account, total in trial}
    for number, account in enumerate(ACCOUNTS):
        found = balances[player.accounts[number]]
        assert found.posted_minor == posted[account.code] == model.posted(number)
        if account.is_bounded:
            assert found.available_minor == model.available(number)
    assert sum(posted.values()) == 0


def _look_at_history(session: Session, player: Player, model: Model) -> None:
    """As of any day, as known at the last seal, and page by page."""
    book, known_at = player.community_id, head(session, player.community_id).last_sequence
    for number, account_id in enumerate(player.accounts[:NOBODY]):
        day = FIRST_DAY + timedelta(days=model.now % DAY_COUNT)
        as_of = history.balance_on(session, book, account_id, as_of=day)
        assert as_of == model.posted(number, day)
        known = history.balance_on(session, book, account_id, known_at=known_at)
        assert known == model.posted_when_sealed(number)
        _look_at_statement(session, player, model, number)


def _look_at_statement(session: Session, player: Player, model: Model, number: int) -> None:
    before, seen, balance = None, [], model.posted(number)
    while True:
        page = reports.statement(
            session, player.community_id, player.accounts[number], limit=25, before=before
        )
        assert page.closing_minor == balance
        for line in page.lines:
            assert line.balance_minor == balance
            balance -= line.amount_minor
            seen.append((line.transaction.id, line.amount_minor))
        assert page.opening_minor == balance
        before = page.next_cursor
        if before is None:
            break
    assert balance == 0
    assert [id_ for id_, _ in seen] == sorted({id_ for id_, _ in seen}, reverse=True)
    assert sorted(amount for _, amount in seen) == model.movements(number)


def _look_at_tables(picture: Picture, player: Player, model: Model) -> None:
    """What is derived is what the model derives; the sealed sequence has no gap."""
    places = [row[1] for row in picture["ledger_seal_item"]]
    assert places == list(range(1, model.sealed_count + 1))
    assert len(picture["ledger_outbox"]) == model.item_count - model.sealed_count
    assert len(picture["ledger_transaction"]) == len(model.written)
    assert len(picture["ledger_act"]) == len(model.acts)
    assert len(picture["ledger_hold"]) == len(model.open_holds)
    number_of = {account_id: number for number, account_id in enumerate(player.accounts)}
    kept = {number_of[row[1]]: row[2:6] for row in picture["ledger_balance"]}
    assert kept == {
        number: tuple(vars(model.counters[number]).values())
        for number, account in enumerate(ACCOUNTS)
        if account.is_bounded
    }
    activity = {(number_of[row[1]], row[2]): row[3:] for row in picture["ledger_activity"]}
    assert activity == model.activity()


@settings(suppress_health_check=list(HealthCheck), max_examples=12)
@given(
    transfers=st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=12),
    cut=st.integers(0, 12),
)
def test_the_split_into_batches_does_not_change_the_balances(
    both: Both, transfers: list[tuple[int, bool]], cut: int
) -> None:
    for database in both:
        pictures = []
        for is_split in (False, True):
            player = Player(database, UUID(int=10**9 + next(_runs)))
            wanted = [
                player.draft(_gift(n, *((0, 1) if is_in else (6, 5)), amount))
                for n, (amount, is_in) in enumerate(transfers)
            ]
            parts = [wanted[:cut], wanted[cut:]] if is_split else [list(reversed(wanted))]
            for part in parts:
                with database.begin() as session:
                    journal.post_many(session, player.community_id, part)
            with database.reading() as session:
                assert verify(session, player.community_id) == []
                found = reports.balances(session, player.community_id, player.accounts[:NOBODY])
            pictures.append(list(found.values()))

        assert pictures[0] == pictures[1]


def _gift(number: int, source: int, target: int, amount: int) -> Named:
    legs = ((source, -amount, False), (target, amount, False))
    day = date(2026, 11, 9)
    request = Request(None, None, None, "transfer", legs, day, "system:test", "script:1", "")
    return Named(f"k{number}", request)
