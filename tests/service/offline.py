"""A device without a network, as the tests of what it tells hold it."""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ledger import clock
from tests.service.world import World, local
from timebank.actors import Actor
from timebank.people.models import Member
from timebank.service import sync
from timebank.service.decide import Effect, Status
from timebank.service.models import Occasion
from timebank.service.offline_models import CodeKind, OfflineScan, Outcome, Why
from timebank.service.offline_outcome import DeviceDecision, QueuedScan

LIST_MADE = local("8:00")
BACK = local("13:00")
CAME = DeviceDecision(Status.OK, Effect.CHECK_IN)
LEFT = DeviceDecision(Status.OK, Effect.CHECK_OUT)
UNKNOWN = DeviceDecision(Status.REVIEW, Effect.NONE, "unknown_card")
NO = DeviceDecision(Status.REFUSED, Effect.NONE, "full")


def queued(
    occasion: Occasion,
    member: Member | None,
    moment: datetime,
    decision: DeviceDecision = CAME,
    **more: Any,
) -> QueuedScan:
    """Return a tapped name as the device queues it; its clock agrees with ours."""
    return replace(
        QueuedScan(
            nonce=secrets.token_hex(8),
            sequence=1,
            occasion_id=occasion.id,
            kind=CodeKind.NAME,
            device_at=moment,
            decision=decision,
            member_id=member.id if member else None,
            device_offset=timedelta(),
            snapshot_at=LIST_MADE,
        ),
        **more,
    )


def tell(
    world: World,
    *scans: QueuedScan,
    by: Actor | None = None,
    at: datetime = BACK,
    device: str = "tablet",
    sent_at: datetime | None = None,
) -> list[OfflineScan]:
    with clock.at(at):
        told = sync.tell(
            world.session,
            by or world.leader,
            device=device,
            sent_at=sent_at or at,
            scans=scans,
        )
    return [each.scan for each in told]


def found(scan: OfflineScan) -> tuple[Outcome, Why | None]:
    return scan.outcome, scan.why


def stay(world: World, member: Member, occasion: Occasion) -> tuple[Any, ...]:
    row = world.row(member, occasion)
    return row.state, row.in_at, row.out_at
