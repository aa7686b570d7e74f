"""The words of the model: accounts, requests, answers, and the rules that need no book."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

AMOUNT_MAX = 10**15
KINDS_OF_ITS_OWN = {"reversal", "hold", "hold_post", "hold_void", "hold_expire"}

ModelLeg = tuple[int, int, bool]
"""Account, amount, whether it is pending."""


class Answer(NamedTuple):
    """What a call comes to; a refusal may name a field, and the `place` of a bad member."""

    outcome: str
    named: str | None = None
    place: int | None = None


class Request(NamedTuple):
    """All that is asked for, in the order in which a difference is named."""

    reverses_id: int | None
    resolves_id: int | None
    expires_at: int | None
    kind: str
    legs: tuple[ModelLeg, ...]
    occurred_on: date
    actor: str
    source: str
    narration: str


class Named(NamedTuple):
    """A request with its key."""

    key: str
    request: Request


class Refusal(Exception):
    """Carries the answer up to the call."""

    def __init__(self, outcome: str, named: str | None = None, index: int | None = None) -> None:
        super().__init__(outcome)
        self.answer = Answer(outcome, named, index)


@dataclass(frozen=True)
class ModelAccount:
    """What is fixed about an account; bounded where it has a bound."""

    code: str
    commodity: str
    floor_minor: int | None = None
    ceiling_minor: int | None = None

    @property
    def is_bounded(self) -> bool:
        return self.floor_minor is not None or self.ceiling_minor is not None


@dataclass(frozen=True)
class Counters:
    """The four sums of an account."""

    posted_in: int = 0
    posted_out: int = 0
    pending_in: int = 0
    pending_out: int = 0

    @property
    def posted(self) -> int:
        return self.posted_in - self.posted_out


def with_index(index: int, work: Callable[[], object]) -> None:
    try:
        work()
    except Refusal as refused:
        raise Refusal(refused.answer.outcome, refused.answer.named, index) from refused


def check_form(wanted: Named, count_max: int) -> None:
    check_legs(wanted, count_max)
    if wanted.request.kind in KINDS_OF_ITS_OWN:
        raise Refusal("kind_reserved")


def check_legs(wanted: Named, count_max: int) -> None:
    legs = wanted.request.legs
    if len(legs) < 2:
        raise Refusal("too_few_legs")
    if len(legs) > count_max:
        raise Refusal("too_many_legs")
    if any(not 1 <= abs(amount) <= AMOUNT_MAX for _, amount, _ in legs):
        raise Refusal("amount_out_of_range")


def check_sums(legs: Iterable[ModelLeg], accounts: tuple[ModelAccount, ...]) -> None:
    sums: dict[tuple[str, bool], int] = {}
    for account, amount, is_pending in legs:
        if account >= len(accounts):
            raise Refusal("unknown_account")
        layer = (accounts[account].commodity, is_pending)
        sums[layer] = sums.get(layer, 0) + amount
    if any(sums.values()):
        raise Refusal("unbalanced")


def moved_by(before: Counters, request: Request, number: int) -> Counters:
    posted_in, posted_out = before.posted_in, before.posted_out
    pending_in, pending_out = before.pending_in, before.pending_out
    for account, amount, is_pending in request.legs:
        if account != number:
            continue
        gain, loss = max(amount, 0), max(-amount, 0)
        if not is_pending:
            posted_in, posted_out = posted_in + gain, posted_out + loss
        elif request.kind == "hold":
            pending_in, pending_out = pending_in + gain, pending_out + loss
        else:
            pending_in, pending_out = pending_in - loss, pending_out - gain
    return Counters(posted_in, posted_out, pending_in, pending_out)


def difference(first: Request, second: Request) -> str:
    return next(name for name in Request._fields if getattr(first, name) != getattr(second, name))
