"""Makers of the kernel's tests: a small world with valid defaults.

Alice and Bob hold points (never below zero), the issuance is unbounded, the box holds 0 to 100.
"""

from dataclasses import dataclass
from datetime import date
from itertools import count
from uuid import UUID

from ledger import ids, journal, reports
from ledger.database import Database
from ledger.journal import Draft, Leg, Posted

NINTH = date(2026, 11, 9)
_numbers = count(1)


@dataclass(frozen=True)
class World:
    """One book with five accounts."""

    database: Database
    community_id: UUID
    issuance: UUID
    alice: UUID
    bob: UUID
    box: UUID
    minutes: UUID

    def post(self, drafted: Draft) -> Posted:
        with self.database.begin() as session:
            return journal.post(session, self.community_id, drafted)

    def post_many(self, drafts: list[Draft]) -> list[Posted]:
        with self.database.begin() as session:
            return journal.post_many(session, self.community_id, drafts)

    def give(self, account_id: UUID, amount_minor: int, key: str | None = None) -> Posted:
        return self.post(move(self.issuance, account_id, amount_minor, key=key))

    def reverse(self, transaction_id: UUID, key: str | None = None) -> Posted:
        with self.database.begin() as session:
            return journal.reverse(
                session,
                self.community_id,
                transaction_id,
                reason="wrong list",
                idempotency_key=key or fresh_key(),
                actor="system:test",
                occurred_on=NINTH,
                source="correction:1",
            )

    def holds(self, account_id: UUID) -> int:
        with self.database.reading() as session:
            return reports.balance(session, self.community_id, account_id).posted_minor


def make_world(database: Database) -> World:
    community_id = ids.new_id()
    with database.begin() as session:

        def open_account(code: str, commodity: str, *bounds: int | None) -> UUID:
            floor_minor, ceiling_minor = (*bounds, None, None)[:2]
            return journal.open_account(
                session,
                community_id,
                code=code,
                commodity=commodity,
                floor_minor=floor_minor,
                ceiling_minor=ceiling_minor,
            ).id

        return World(
            database,
            community_id,
            issuance=open_account("Issuance:Points", "POINT"),
            alice=open_account("Members:V0001:Points", "POINT", 0),
            bob=open_account("Members:V0002:Points", "POINT", 0),
            box=open_account("Box", "POINT", 0, 100),
            minutes=open_account("Issuance:Service", "SERVICE"),
        )


def fresh_key() -> str:
    return f"key-{next(_numbers)}"


def move(
    source: UUID, target: UUID, amount_minor: int, *, key: str | None = None, on: date = NINTH
) -> Draft:
    """A transfer with two legs."""
    return draft(Leg(source, -amount_minor), Leg(target, amount_minor), key=key, on=on)


def draft(
    *legs: Leg,
    key: str | None = None,
    on: date = NINTH,
    kind: str = "service",
    actor: str = "system:test",
    source: str = "attendance:1",
    narration: str = "",
) -> Draft:
    return Draft(kind, legs, on, key or fresh_key(), actor, source, narration)
