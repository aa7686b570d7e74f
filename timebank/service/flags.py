"""What a leader may want to look at: signs that a scan was perhaps not made on the spot.

Words: a *flag* stands on a row of the list and changes nothing, neither time nor points;
`device_shared`: somebody else checked in from the same browser at this occasion; `burst`: more
people scanned in one step of the code than can well stand in front of a screen.

Flags are found in the scans, which are append-only, and stored nowhere else: so the first of two
who shared a phone is flagged as well, and the list and the story of a minute always say the same.
Of a device nothing is known but a random text in its cookie, and of that a digest is kept that is
another one at every occasion: nobody is followed from one service to the next.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from timebank.codes import venue_step
from timebank.service.decide import Intent, Status
from timebank.service.models import ScanEvent

BURST_SCANS_MAX: Final = 15
"""In one step of 30 seconds: one every two seconds, more than a queue at one screen brings."""
DEVICE_LENGTH_MAX: Final = 64
MARK_LENGTH: Final = 32


class Flag(StrEnum):
    """What is worth a look."""

    DEVICE_SHARED = "device_shared"
    BURST = "burst"


@dataclass(frozen=True, slots=True)
class SelfScan:
    """A scan by a member's own phone that came to something.

    Args:
        member_id: who.
        mark: of the device, as `device_mark` makes it; empty when it told none.
        scanned_at: when the button was pressed.
        is_leaving: the button said so; leaving all at once is what people do.
    """

    member_id: UUID
    mark: str
    scanned_at: datetime
    is_leaving: bool


_SCANS: Final = select(
    ScanEvent.member_id, ScanEvent.device, ScanEvent.scanned_at, ScanEvent.kind
).where(
    ScanEvent.community_id == bindparam("community"),
    ScanEvent.occasion_id == bindparam("occasion"),
    ScanEvent.scanned_by_id.is_(None),
    ScanEvent.status.in_([Status.OK.value, Status.REVIEW.value]),
)


def device_mark(device: str, occasion_id: UUID | None) -> str:
    """Return what is kept of a device at an occasion; empty for a device that told nothing."""
    if not device or occasion_id is None:
        return ""
    return hashlib.sha256(f"{occasion_id.hex}|{device}".encode()).hexdigest()[:MARK_LENGTH]


def flags_at(
    session: Session, community_id: UUID, occasion_id: UUID
) -> dict[UUID, tuple[Flag, ...]]:
    """Return the flags of an occasion by member; who has none is not in it. One statement."""
    which = {"community": community_id, "occasion": occasion_id}
    return find_flags(
        SelfScan(member_id, mark, scanned_at, kind == Intent.OUT.value)
        for member_id, mark, scanned_at, kind in session.execute(_SCANS, which)
        if member_id is not None
    )


def find_flags(scans: Iterable[SelfScan]) -> dict[UUID, tuple[Flag, ...]]:
    """Return the flags that the scans of one occasion give, by member."""
    scans = list(scans)
    people = {Flag.DEVICE_SHARED: _with_shared_devices(scans), Flag.BURST: _in_bursts(scans)}
    flagged = set().union(*people.values())
    return {each: tuple(flag for flag in Flag if each in people[flag]) for each in flagged}


def _with_shared_devices(scans: Iterable[SelfScan]) -> set[UUID]:
    """Return everybody who scanned with a device that somebody else scanned with too."""
    people_of: dict[str, set[UUID]] = {}
    for scan in scans:
        if scan.mark:
            people_of.setdefault(scan.mark, set()).add(scan.member_id)
    return set().union(*(people for people in people_of.values() if len(people) > 1))


def _in_bursts(scans: Iterable[SelfScan]) -> set[UUID]:
    """Return everybody who came in a step with too many of them."""
    step_of = {each.member_id: venue_step(each.scanned_at) for each in scans if not each.is_leaving}
    counts = Counter(step_of.values())
    return {member_id for member_id, step in step_of.items() if counts[step] > BURST_SCANS_MAX}
