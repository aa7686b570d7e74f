"""The hashes are a published form: these values never change."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from ledger.hashing import content_hash, request_hash
from ledger.journal import Draft, Leg
from ledger.records import Links

ONE, TWO, BOOK = UUID(int=1), UUID(int=2), UUID(int=3)
DRAFT = Draft(
    kind="service",
    legs=(Leg(ONE, -30), Leg(TWO, 30)),
    occurred_on=date(2026, 11, 9),
    idempotency_key="attendance:1",
    actor="system:test",
    source="attendance:1",
    narration="巡逻",
)
MOMENT = datetime(2026, 11, 9, 8, 58, 0, 123456, tzinfo=UTC)


def test_the_request_hash_is_fixed() -> None:
    assert request_hash(DRAFT).hex() == (
        "e2a4f82bdbb90441e9cc7eb27065fcbcd9d71f8a83e6c3655a7da5ab08db8757"
    )


def test_the_content_hash_is_fixed() -> None:
    assert content_hash(BOOK, ONE, MOMENT, request_hash(DRAFT)).hex() == (
        "e60b8c38c43bd6bfbcac69294dd449be5cc2df0c50b5985dd37f8c0afb50a589"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "servicea"},
        {"legs": (Leg(TWO, 30), Leg(ONE, -30))},
        {"legs": (Leg(ONE, -30), Leg(TWO, 31))},
        {"occurred_on": date(2026, 11, 10)},
        {"idempotency_key": "attendance:2"},
        {"actor": "system:tes", "source": "tattendance:1"},
        {"narration": "巡逻 "},
    ],
)
def test_every_field_and_every_border_between_fields_counts(change: dict[str, Any]) -> None:
    assert request_hash(replace(DRAFT, **change)) != request_hash(DRAFT)


def test_the_identity_and_the_moment_count() -> None:
    request = request_hash(DRAFT)
    seen = {
        content_hash(BOOK, ONE, MOMENT, request),
        content_hash(ONE, BOOK, MOMENT, request),
        content_hash(BOOK, TWO, MOMENT, request),
        content_hash(BOOK, ONE, MOMENT + timedelta(microseconds=1), request),
        content_hash(BOOK, ONE, MOMENT, request_hash(DRAFT, Links(reverses_id=TWO))),
    }

    assert len(seen) == 5


def test_the_zone_of_a_moment_does_not_count() -> None:
    there = MOMENT.astimezone(ZoneInfo("Asia/Shanghai"))

    assert content_hash(BOOK, ONE, there, b"") == content_hash(BOOK, ONE, MOMENT, b"")
