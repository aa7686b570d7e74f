"""Tables of webhooks: where events are sent to, and the batches that were sent.

Words: a *webhook* is an address that gets every event of a book, in order; its *cursor* is the last
sequence number that was received there; a *delivery* is one batch of consecutive events, the same
however often it is tried; a *dead letter* is a delivery that was given up. A *claim* is the right
to deliver, lent to one process until a moment.

Invariants: a webhook has at most one delivery that is not received yet, so events cannot overtake
each other; only an answer of 2xx makes a delivery received.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base, community_key
from ledger.columns import Count, states

URL_LENGTH_MAX = 500
ANSWER_LENGTH_MAX = 200
TRY_COUNT_MAX = 12


class WebhookState(StrEnum):
    """Whether events are sent; `paused` by a dead letter, until somebody sends it again."""

    ON = "on"
    OFF = "off"
    PAUSED = "paused"


class DeliveryState(StrEnum):
    """Where a batch stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


class Failure(StrEnum):
    """Why a try did not end with 2xx."""

    UNKNOWN_HOST = "unknown_host"
    PRIVATE_ADDRESS = "private_address"
    NO_CONNECTION = "no_connection"
    TIMED_OUT = "timed_out"
    BROKEN = "broken"
    REDIRECTED = "redirected"
    REFUSED = "refused"


class Webhook(Base):
    """An address of a community; the next try is not made before `next_try_at`."""

    __tablename__ = "webhook"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "url"),
        sa.ForeignKeyConstraint(["community_id"], ["community.community_id"]),
        sa.CheckConstraint(f"length(url) BETWEEN 1 AND {URL_LENGTH_MAX}", name="url_length"),
        sa.CheckConstraint("cursor_sequence >= 0", name="cursor_sequence"),
        sa.CheckConstraint("(claim_id IS NULL) = (claimed_until IS NULL)", name="claim"),
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    url: Mapped[str]
    state: Mapped[WebhookState] = mapped_column(states(WebhookState, "state"))
    cursor_sequence: Mapped[int]
    next_try_at: Mapped[datetime]
    claim_id: Mapped[UUID | None]
    claimed_until: Mapped[datetime | None]
    made_at: Mapped[datetime]


class WebhookDelivery(Base):
    """A batch of events, from first to last; its id is the same for every try."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        sa.UniqueConstraint("community_id", "webhook_id", "first_sequence"),
        sa.ForeignKeyConstraint(
            ["community_id", "webhook_id"],
            ["webhook.community_id", "webhook.id"],
            name="fk_webhook_delivery_webhook",
        ),
        sa.Index(
            "uq_webhook_delivery_open",
            "community_id",
            "webhook_id",
            unique=True,
            postgresql_where=sa.text("state <> 'delivered'"),
            sqlite_where=sa.text("state <> 'delivered'"),
        ),
        sa.CheckConstraint(
            "first_sequence >= 1 AND last_sequence >= first_sequence", name="sequence"
        ),
        sa.CheckConstraint(f"try_count BETWEEN 0 AND {TRY_COUNT_MAX}", name="try_count"),
        sa.CheckConstraint(
            "state <> 'delivered' OR (status_code IS NOT NULL AND status_code BETWEEN 200 AND 299)",
            name="delivered_is_2xx",
        ),
        sa.CheckConstraint(f"length(answer) <= {ANSWER_LENGTH_MAX}", name="answer_length"),
    )

    community_id: Mapped[UUID] = community_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    webhook_id: Mapped[UUID]
    first_sequence: Mapped[int]
    last_sequence: Mapped[int]
    state: Mapped[DeliveryState] = mapped_column(states(DeliveryState, "state"))
    try_count: Mapped[int] = mapped_column(Count)
    made_at: Mapped[datetime]
    tried_at: Mapped[datetime | None]
    status_code: Mapped[int | None] = mapped_column(Count)
    failure: Mapped[Failure | None] = mapped_column(states(Failure, "failure"))
    answer: Mapped[str]
