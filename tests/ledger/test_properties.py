"""Random scripts against an independent in-memory model, the same on SQLite and on PostgreSQL.

The model knows nothing of SQL: a list of balances and a list of what was accepted. After every
step both databases must have answered as the model says, and at the end they must hold the same
balances and the same content hashes, found whole by verification.
"""

import random
import secrets
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import clock, ids, journal, reports
from ledger.database import Database
from ledger.errors import Refusal
from ledger.journal import Draft, Leg
from ledger.schema import Transaction
from ledger.verification import verify
from tests.ledger.makers import NINTH
from tests.servers import APPLICATION, Server

ACCOUNTS: tuple[tuple[str, str, int | None, int | None], ...] = (
    ("Issuance", "POINT", None, None),
    ("Alice", "POINT", 0, None),
    ("Bob", "POINT", -20, 40),
    ("Stock", "GOODS-0001", 0, None),
    ("Intake", "GOODS-0001", None, None),
)
START = clock.now().replace(year=2027, month=1, day=1)
_runs = iter(range(10**9))

accounts = st.integers(0, len(ACCOUNTS) - 1)
amounts = st.integers(-50, 50)
keys = st.integers(0, 12).map("key-{}".format)
legs = st.lists(st.tuples(accounts, amounts), min_size=0, max_size=5)
transfers = st.tuples(accounts, accounts, st.integers(1, 50)).map(
    lambda drawn: [(drawn[0], -drawn[2]), (drawn[1], drawn[2])]
)
drafts = st.tuples(keys, st.one_of(transfers, transfers, legs))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("post"), drafts),
        st.tuples(st.just("post"), drafts),
        st.tuples(st.just("post_many"), st.lists(drafts, max_size=4)),
        st.tuples(st.just("reverse"), st.tuples(keys, st.integers(0, 8))),
    ),
    max_size=25,
)


class Model:
    """What a book does, without a database."""

    def __init__(self) -> None:
        self.balances = [0] * len(ACCOUNTS)
        self.accepted: list[tuple[str, list[tuple[int, int]], int | None]] = []

    def post(self, key: str, wanted: list[tuple[int, int]], reverses: int | None = None) -> str:
        known = next((entry for entry in self.accepted if entry[0] == key), None)
        if reverses is None and (wrong := self._wrong(wanted)):
            return wrong
        if known is not None:
            return "replay" if known[1:] == (wanted, reverses) else "key_reused"
        if reverses is not None and any(entry[2] == reverses for entry in self.accepted):
            return "already_reversed"
        sums: dict[str, int] = {}
        for account, amount in wanted:
            sums[ACCOUNTS[account][1]] = sums.get(ACCOUNTS[account][1], 0) + amount
        if any(sums.values()):
            return "unbalanced"
        return self._move(key, wanted, reverses)

    def post_many(self, wanted: list[tuple[str, list[tuple[int, int]]]]) -> str:
        kept = (list(self.balances), list(self.accepted))
        if wrong := next((w for _, each in wanted if (w := self._wrong(each))), None):
            return wrong
        outcomes = [self.post(key, each) for key, each in wanted]
        if all(outcome in ("posted", "replay") for outcome in outcomes):
            return "posted"
        self.balances, self.accepted = kept
        return "refused"

    def _wrong(self, wanted: list[tuple[int, int]]) -> str | None:
        if len(wanted) < 2:
            return "too_few_legs"
        return "amount_out_of_range" if any(amount == 0 for _, amount in wanted) else None

    def _move(self, key: str, wanted: list[tuple[int, int]], reverses: int | None) -> str:
        after = list(self.balances)
        for account, amount in wanted:
            after[account] += amount
        for account, (_, _, floor, ceiling) in enumerate(ACCOUNTS):
            if any(account == moved for moved, _ in wanted):
                if floor is not None and after[account] < floor:
                    return "bound"
                if ceiling is not None and after[account] > ceiling:
                    return "bound"
        self.balances = after
        self.accepted.append((key, wanted, reverses))
        return "posted"


class Runner:
    """One book under test; ids and clock are fixed, so two runners make the same bytes."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.community_id = UUID(int=seed)
        self.posted: list[UUID] = []
        with database.begin() as session:
            self.accounts = [
                journal.open_account(
                    session,
                    self.community_id,
                    code=code,
                    commodity=commodity,
                    floor_minor=floor_minor,
                    ceiling_minor=ceiling_minor,
                ).id
                for code, commodity, floor_minor, ceiling_minor in ACCOUNTS
            ]

    def draft(self, key: str, wanted: list[tuple[int, int]]) -> Draft:
        chosen = tuple(Leg(self.accounts[account], amount) for account, amount in wanted)
        return Draft("transfer", chosen, NINTH, key, "system:test", "script:1", "")

    def run(self, step: tuple[str, Any]) -> str:
        name, drawn = step
        try:
            with self.database.begin() as session:
                if name == "post":
                    answers = [journal.post(session, self.community_id, self.draft(*drawn))]
                elif name == "post_many":
                    many = [self.draft(*each) for each in drawn]
                    answers = journal.post_many(session, self.community_id, many)
                else:
                    answers = [self._reverse(session, *drawn)]
        except Refusal as refused:
            return refused.code
        self.posted += [
            each.transaction_id for each in answers if each.transaction_id not in self.posted
        ]
        is_replay = name != "post_many" and answers[0].is_replay
        return "replay" if is_replay else "posted"

    def _reverse(self, session: Any, key: str, number: int) -> journal.Posted:
        return journal.reverse(
            session,
            self.community_id,
            self.posted[number % len(self.posted)],
            reason="because",
            idempotency_key=key,
            actor="system:test",
            occurred_on=NINTH,
            source="script:1",
        )

    def picture(self) -> tuple[list[int], list[tuple[Any, ...]]]:
        with self.database.reading() as session:
            held = reports.balances(session, self.community_id, self.accounts)
            hashes = session.execute(
                sa.select(Transaction.id, Transaction.content_hash, Transaction.request_hash)
                .where(Transaction.community_id == self.community_id)
                .order_by(Transaction.id)
            ).all()
            assert verify(session, self.community_id) == []
        return [held[account].posted_minor for account in self.accounts], [
            tuple(each) for each in hashes
        ]


@pytest.fixture(scope="module")
def both(
    server: Server,
    postgresql_template: str,
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Database, Database]]:
    path = tmp_path_factory.mktemp("properties") / "book.sqlite3"
    shutil.copyfile(sqlite_template, path)
    name = server.create(postgresql_template)
    opened = (Database(f"sqlite:///{path}"), Database(server.url(name, APPLICATION)))
    yield opened
    for database in opened:
        database.dispose()


def _expected(model: Model, step: tuple[str, Any]) -> str:
    name, drawn = step
    if name == "post":
        return model.post(*drawn)
    if name == "post_many":
        return model.post_many(drawn)
    key, number = drawn
    index = number % len(model.accepted)
    _, original, reverses = model.accepted[index]
    if reverses is not None:
        return "is_reversal"
    return model.post(key, [(account, -amount) for account, amount in original], index)


def _agree(expected: str, answered: str) -> bool:
    if expected == "bound":
        return answered in ("balance_too_low", "balance_too_high")
    if expected == "refused":
        return answered not in ("posted", "replay")
    return expected == answered


def _run_script(database: Database, script: list[Any], seed: int) -> tuple[Model, list[str], Any]:
    chance = random.Random(seed)
    with clock.at(START - timedelta(days=1)):
        ids.new_id()  # whatever the last run left, this one starts with a new millisecond
    with pytest.MonkeyPatch.context() as patch, clock.at(START):
        # The same random bits and the same moments give the same ids on both databases.
        patch.setattr(secrets, "randbits", chance.getrandbits)
        runner, model, answers = Runner(database, seed), Model(), []
        for number, step in enumerate(script):
            if step[0] == "reverse" and not model.accepted:
                continue
            with clock.at(START + timedelta(seconds=number + 1)):
                expected, answered = _expected(model, step), runner.run(step)
            assert _agree(expected, answered), (step, expected, answered)
            answers.append(answered)
        return model, answers, runner.picture()


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(script=steps)
def test_any_script_does_what_the_model_says_on_both_databases(
    both: tuple[Database, Database], script: list[Any]
) -> None:
    seed = next(_runs) + 1
    sqlite, postgresql = both

    model, answers, (balances, hashes) = _run_script(sqlite, script, seed)
    _, answers_too, (balances_too, hashes_too) = _run_script(postgresql, script, seed)

    assert balances == balances_too == model.balances
    assert answers == answers_too
    assert hashes == hashes_too
    assert len(hashes) == len(model.accepted)


@settings(max_examples=25)
@given(
    transfers=st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=12),
    cut=st.integers(0, 12),
)
def test_the_split_into_batches_does_not_change_the_balances(
    both: tuple[Database, Database], transfers: list[tuple[int, bool]], cut: int
) -> None:
    for database in both:
        pictures = []
        for is_split in (False, True):
            runner = Runner(database, 10**9 + next(_runs))
            wanted = [
                runner.draft(
                    f"k{n}", [(0, -amount), (1, amount)] if is_in else [(4, -amount), (3, amount)]
                )
                for n, (amount, is_in) in enumerate(transfers)
            ]
            parts = [wanted[:cut], wanted[cut:]] if is_split else [list(reversed(wanted))]
            for part in parts:
                with database.begin() as session:
                    journal.post_many(session, runner.community_id, part)
            pictures.append(runner.picture()[0])

        assert pictures[0] == pictures[1]
