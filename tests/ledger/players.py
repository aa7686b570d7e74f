"""Plays a script on a real database and looks at everything that it leaves there.

Ids and clock are fixed, so two players of one script write the same bytes, whatever the database.
"""

import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import acts, clock, holds, ids, journal
from ledger.database import Database
from ledger.errors import Refusal
from ledger.journal import Draft, Leg, Posted
from ledger.schema import Transaction, ledger_tables
from ledger.seal import seal
from tests.ledger.model_words import Answer, ModelAccount, Named, Request
from tests.ledger.scripts import ACCOUNTS, EXPIRED, Act, Step

START = clock.now().replace(year=2027, month=1, day=1)
NOWHERE = UUID(int=7)
"""The id of what is in no book."""

Full = tuple[Answer, dict[str, Any]]
"""What a call came to, and every fact of a refusal."""
Picture = dict[str, list[tuple[Any, ...]]]


class Aborted(Exception):
    """Ends a session without a commit."""


@contextmanager
def fixed_ids(seed: int) -> Iterator[None]:
    """Give the same ids again for the same seed and the same moments."""
    chance = random.Random(seed)
    with clock.at(START - timedelta(days=1)):
        ids.new_id()  # whatever the last run left, this one starts with a new millisecond
    with pytest.MonkeyPatch.context() as patch, clock.at(START):
        patch.setattr(secrets, "randbits", chance.getrandbits)
        yield


class Player:
    """One book under test."""

    def __init__(self, database: Database, community_id: UUID) -> None:
        self.database = database
        self.community_id = community_id
        with database.begin() as session:
            self.accounts = [self._open(session, account) for account in ACCOUNTS]
        self.accounts.append(NOWHERE)

    def play(self, act: Act, before_refusals: bool = False) -> list[Full]:
        """Play one session; with `before_refusals`, look that each refusal left nothing."""
        answers: list[Full] = []
        try:
            with self.database.begin() as session:
                for step in act.steps:
                    is_watched = before_refusals and step.expected.outcome not in _SUCCESSES
                    before = self.picture(session) if is_watched else None
                    answers.append(self._answer(session, step))
                    if before is not None:
                        assert self.picture(session) == before, step
                if act.is_aborted:
                    raise Aborted
        except Aborted:
            pass
        return answers

    def picture(self, session: Session) -> Picture:
        """Every row of every ledger table of this book, in the order of its key."""
        return {
            table.name: [
                tuple(row)
                for row in session.execute(
                    sa.select(table)
                    .where(table.c.community_id == self.community_id)
                    .order_by(*table.primary_key)
                )
            ]
            for table in ledger_tables()
        }

    def transaction_id(self, session: Session, target: str | None) -> UUID:
        """The id of the transaction with a key; "expire:" and the key of a hold is its expiry."""
        if target is None:
            return NOWHERE
        key = target
        if target.startswith(EXPIRED):
            key = f"{EXPIRED}{self.transaction_id(session, target.removeprefix(EXPIRED))}"
        found: UUID | None = session.scalar(
            sa.select(Transaction.id).where(
                Transaction.community_id == self.community_id, Transaction.idempotency_key == key
            )
        )
        assert found is not None, f"the model wrote {key}"
        return found

    # Calls ------------------------------------------------------------------------------------

    def _answer(self, session: Session, step: Step) -> Full:
        with clock.at(START + timedelta(seconds=step.second)):
            try:
                call = getattr(self, f"_{step.name}")
                if step.name in ("reverse", "resolve", "expire"):
                    target = self.transaction_id(session, step.target)
                    return call(session, target, *step.arguments[1:]), {}
                return call(session, *step.arguments), {}
            except Refusal as refused:
                details = refused.details
                named = details.get("field", details.get("account"))
                return Answer(refused.code, named, details.get("index")), details

    def _post(self, session: Session, wanted: Named) -> Answer:
        return _said(journal.post(session, self.community_id, self.draft(wanted)))

    def _dry_run(self, session: Session, wanted: Named) -> Answer:
        return _said(journal.dry_run(session, self.community_id, self.draft(wanted)))

    def _post_many(self, session: Session, many: list[Named]) -> Answer:
        drafts = [self.draft(wanted) for wanted in many]
        answers = journal.post_many(session, self.community_id, drafts)
        assert len(answers) == len(many)
        return Answer("posted")

    def _reverse(self, session: Session, target: UUID, wanted: Named) -> Answer:
        request = wanted.request
        return _said(
            journal.reverse(
                session,
                self.community_id,
                target,
                reason=request.narration,
                idempotency_key=wanted.key,
                actor=request.actor,
                occurred_on=request.occurred_on,
                source=request.source,
            )
        )

    def _place(self, session: Session, wanted: Named) -> Answer:
        assert wanted.request.expires_at is not None
        expires_at = START + timedelta(seconds=wanted.request.expires_at)
        drafted = self.draft(wanted)
        return _said(holds.place(session, self.community_id, drafted, expires_at=expires_at))

    def _resolve(
        self, session: Session, target: UUID, wanted: Named, amounts: list[int] | None
    ) -> Answer:
        request = wanted.request
        who = (request.occurred_on, wanted.key, request.actor, request.source, request.narration)
        resolution = holds.Resolution(*who)
        if request.kind == "hold_void":
            return _said(holds.void(session, self.community_id, target, resolution))
        return _said(
            holds.post(session, self.community_id, target, resolution, amounts_minor=amounts)
        )

    def _expire(self, session: Session, target: UUID, day: date) -> Answer:
        return _said(holds.expire(session, self.community_id, target, day))

    def _expire_due(self, session: Session, day: date) -> Answer:
        holds.expire_due(session, self.community_id, day)
        return Answer("done")

    def _set_open(
        self, session: Session, account: int | None, is_open: bool, reason: str
    ) -> Answer:
        call = acts.reopen_account if is_open else acts.close_account
        account_id = NOWHERE if account is None else self.accounts[account]
        call(session, self.community_id, account_id, reason=reason, actor="system:test")
        return Answer("done")

    def _close_through(
        self, session: Session, day: date | None, is_closing: bool, reason: str
    ) -> Answer:
        if is_closing:
            assert day is not None
            acts.close_period(
                session, self.community_id, through=day, reason=reason, actor="system:test"
            )
        else:
            acts.reopen_period(
                session, self.community_id, through=day, reason=reason, actor="system:test"
            )
        return Answer("done")

    def _open_account(self, session: Session, number: int, twin: ModelAccount) -> Answer:
        again = ModelAccount(
            ACCOUNTS[number].code, twin.commodity, twin.floor_minor, twin.ceiling_minor
        )
        assert self._open(session, again) == self.accounts[number]
        return Answer("done")

    def _seal(self, session: Session) -> Answer:
        seal(session, self.community_id)
        return Answer("done")

    # Words ------------------------------------------------------------------------------------

    def _open(self, session: Session, account: ModelAccount) -> UUID:
        return journal.open_account(
            session,
            self.community_id,
            code=account.code,
            commodity=account.commodity,
            floor_minor=account.floor_minor,
            ceiling_minor=account.ceiling_minor,
        ).id

    def draft(self, wanted: Named) -> Draft:
        request: Request = wanted.request
        legs = tuple(Leg(self.accounts[account], amount) for account, amount, _ in request.legs)
        return Draft(
            request.kind,
            legs,
            request.occurred_on,
            wanted.key,
            request.actor,
            request.source,
            request.narration,
        )


_SUCCESSES = {"posted", "replay", "done"}


def _said(posted: Posted) -> Answer:
    return Answer("replay" if posted.is_replay else "posted")
