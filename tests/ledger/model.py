"""A book in memory: what the kernel promises, told without a database.

It knows accounts by their number, transactions by their place in the order of writing, and
nothing of SQL, ids or hashes. Every call answers with an `Answer`: "posted", "replay", "done" or
the code of the refusal, and for some refusals the field or the place that has to be named. After a
refusal the model is what it was.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial

from tests.ledger.model_words import (
    Answer,
    Counters,
    ModelAccount,
    ModelLeg,
    Named,
    Refusal,
    Request,
    check_form,
    check_legs,
    check_sums,
    difference,
    moved_by,
    with_index,
)


@dataclass
class Model:
    """One book. `now` is a number of seconds; the caller moves it."""

    accounts: tuple[ModelAccount, ...]
    now: int = 0
    counters: list[Counters] = field(default_factory=list)
    is_open: list[bool] = field(default_factory=list)
    written: list[Named] = field(default_factory=list)
    by_key: dict[str, int] = field(default_factory=dict)
    open_holds: dict[int, int] = field(default_factory=dict)
    resolved: set[int] = field(default_factory=set)
    reversed_ones: set[int] = field(default_factory=set)
    acts: list[tuple[str, int | None, date | None]] = field(default_factory=list)
    closed_through: date | None = None
    sealed_count: int = 0
    sealed_written_count: int = 0

    def __post_init__(self) -> None:
        if not self.counters:
            self.counters = [Counters() for _ in self.accounts]
            self.is_open = [True for _ in self.accounts]

    @property
    def item_count(self) -> int:
        return len(self.accounts) + len(self.written) + len(self.acts)

    def kept(self) -> "Model":
        """A twin to come back to."""
        return replace(
            self,
            counters=list(self.counters),
            is_open=list(self.is_open),
            written=list(self.written),
            by_key=dict(self.by_key),
            open_holds=dict(self.open_holds),
            resolved=set(self.resolved),
            reversed_ones=set(self.reversed_ones),
            acts=list(self.acts),
        )

    def back_to(self, kept: "Model") -> None:
        self.__dict__.update(kept.__dict__)

    def answer(self, work: Callable[[], Answer]) -> Answer:
        """Do it; a refusal leaves nothing."""
        before = self.kept()
        try:
            return work()
        except Refusal as refused:
            self.back_to(before)
            return refused.answer

    # Calls ------------------------------------------------------------------------------------

    def post(self, wanted: Named) -> Answer:
        check_form(wanted, 1000)
        return self._write_with_room(wanted)

    def dry_run(self, wanted: Named) -> Answer:
        before = self.kept()
        answer = self.post(wanted)
        self.back_to(before)
        return answer

    def post_many(self, many: list[Named]) -> Answer:
        """Form is looked at first, then keys, then the book; the first bad member is named."""
        asked: dict[str, Request] = {}
        for index, wanted in enumerate(many):
            with_index(index, partial(check_form, wanted, 1000))
            first = asked.setdefault(wanted.key, wanted.request)
            if first != wanted.request:
                raise Refusal("key_reused", difference(first, wanted.request), index)
        for index, wanted in enumerate(many):
            with_index(index, partial(self._replay, wanted))
        for index, wanted in enumerate(many):
            with_index(index, partial(self._write_with_room, wanted))
        return Answer("posted")

    def reverse(self, number: int | None, wanted: Named) -> Answer:
        """`wanted` has the legs left out: they are the mirror of the original's posted ones."""
        request = wanted.request
        if not request.narration.strip():
            raise Refusal("reason_required")
        if number is None:
            raise Refusal("unknown_transaction")
        original = self.written[number].request
        if original.reverses_id is not None:
            raise Refusal("is_reversal")
        mirror = tuple(
            (account, -amount, False)
            for account, amount, is_pending in original.legs
            if not is_pending
        )
        if not mirror:
            raise Refusal("is_hold")
        whole = Named(wanted.key, request._replace(legs=mirror, reverses_id=number))
        if wanted.key not in self.by_key and number in self.reversed_ones:
            raise Refusal("already_reversed")
        answer = self._write_with_room(whole)
        self.reversed_ones.add(number)
        return answer

    def place(self, wanted: Named) -> Answer:
        check_legs(wanted, 500)
        known = wanted.key in self.by_key
        if not known and (wanted.request.expires_at or 0) <= self.now:
            raise Refusal("expiry_invalid")
        answer = self._write_with_room(wanted)
        if not known:
            self.open_holds[self.by_key[wanted.key]] = wanted.request.expires_at or 0
        return answer

    def resolve(self, number: int | None, wanted: Named, amounts: list[int] | None) -> Answer:
        """Post (with amounts, None is all of them) or void a hold."""
        held = self._held(number)
        if wanted.request.kind == "hold_post":
            amounts = [amount for _, amount, _ in held] if amounts is None else amounts
            if not any(amounts):
                raise Refusal("amount_out_of_range")
        return self._resolve(number or 0, wanted, amounts or [0] * len(held))

    def expire(self, number: int | None, occurred_on: date) -> Answer:
        self._held(number)
        hold = number or 0
        request = Request(
            None, hold, None, "hold_expire", (), occurred_on, "system:sweeper", f"hold:{hold}", ""
        )
        try:
            return self._resolve(hold, Named(f"expire:{hold}", request), [])
        except Refusal as refused:
            # The key is made of the hold: it says that the hold expired, on whatever day.
            if refused.answer.outcome != "key_reused":
                raise
            raise Refusal("hold_resolved") from refused

    def expire_due(self, occurred_on: date, account: int | None = None) -> Answer:
        due = sorted((at, hold) for hold, at in self.open_holds.items() if at <= self.now)
        for _, hold in due:
            legs = self.written[hold].request.legs
            if account is None or any(leg[0] == account for leg in legs):
                self.expire(hold, occurred_on)
        return Answer("done")

    def set_open(self, account: int | None, is_open: bool, reason: str) -> Answer:
        if not reason.strip():
            raise Refusal("reason_required")
        if account is None or not self.accounts[account].is_bounded:
            raise Refusal("unknown_account")
        if self.is_open[account] != is_open:
            self.is_open[account] = is_open
            self.acts.append(("account_reopened" if is_open else "account_closed", account, None))
        return Answer("done")

    def close_through(self, day: date | None, is_closing: bool, reason: str) -> Answer:
        if not reason.strip():
            raise Refusal("reason_required")
        now, then = self.closed_through or date.min, day or date.min
        if not (then > now if is_closing else then < now):
            raise Refusal("period_unchanged")
        self.closed_through = day
        self.acts.append(("period_closed" if is_closing else "period_reopened", None, day))
        return Answer("done")

    def open_account(self, number: int, twin: ModelAccount) -> Answer:
        for name in ("commodity", "is_bounded", "floor_minor", "ceiling_minor"):
            if getattr(self.accounts[number], name) != getattr(twin, name):
                raise Refusal("account_differs", name)
        return Answer("done")

    def seal(self) -> Answer:
        self.sealed_count = self.item_count
        self.sealed_written_count = len(self.written)
        return Answer("done")

    # Reports ----------------------------------------------------------------------------------

    def posted(self, account: int, through: date = date.max) -> int:
        return sum(amount for day, amount in self._moves(account) if day <= through)

    def posted_when_sealed(self, account: int) -> int:
        return sum(amount for _, amount in self._moves(account, self.sealed_written_count))

    def movements(self, account: int) -> list[int]:
        """What each transaction that posts to the account moved there, sorted."""
        sums = [
            sum(moves)
            for _, request in self.written
            if (moves := [leg[1] for leg in request.legs if leg[0] == account and not leg[2]])
        ]
        return sorted(sums)

    def activity(self) -> dict[tuple[int, date], tuple[int, int, int]]:
        """In, out and number of the sealed postings, by account and month."""
        sums: dict[tuple[int, date], tuple[int, int, int]] = {}
        for account in range(len(self.accounts)):
            for day, amount in self._moves(account, self.sealed_written_count):
                month = (account, day.replace(day=1))
                paid_in, paid_out, number = sums.get(month, (0, 0, 0))
                gain, loss = max(amount, 0), max(-amount, 0)
                sums[month] = (paid_in + gain, paid_out + loss, number + 1)
        return sums

    def available(self, account: int) -> int:
        return self.counters[account].posted - self.counters[account].pending_out

    def _moves(self, account: int, written_count: int | None = None) -> list[tuple[date, int]]:
        return [
            (request.occurred_on, amount)
            for _, request in self.written[:written_count]
            for leg_account, amount, is_pending in request.legs
            if leg_account == account and not is_pending
        ]

    # Private ----------------------------------------------------------------------------------

    def _held(self, number: int | None) -> tuple[ModelLeg, ...]:
        if number is None:
            raise Refusal("unknown_transaction")
        request = self.written[number].request
        if request.kind != "hold":
            raise Refusal("is_hold")
        return request.legs

    def _resolve(self, hold: int, wanted: Named, amounts: list[int]) -> Answer:
        held = self._held(hold)
        amounts = amounts or [0] * len(held)
        released = tuple((account, -amount, True) for account, amount, _ in held)
        posted = tuple(
            (account, amount, False)
            for (account, _, _), amount in zip(held, amounts, strict=True)
            if amount
        )
        whole = Named(wanted.key, wanted.request._replace(legs=released + posted, resolves_id=hold))
        if replay := self._replay(whole):
            return replay
        self._check_day(whole.request.occurred_on)
        self._check_hold(hold, wanted.request.kind)
        for (_, before, _), amount in zip(held, amounts, strict=True):
            if not min(before, 0) <= amount <= max(before, 0):
                raise Refusal("more_than_held")
        answer = self._write(whole)
        del self.open_holds[hold]
        return answer

    def _check_hold(self, hold: int, kind: str) -> None:
        if hold not in self.open_holds:
            raise Refusal("hold_resolved")
        is_over = self.open_holds[hold] <= self.now
        if kind == "hold_post" and is_over:
            raise Refusal("hold_expired")
        if kind == "hold_expire" and not is_over:
            raise Refusal("hold_not_expired")

    def _write_with_room(self, wanted: Named) -> Answer:
        """Where a bound refuses, what is overdue on that account expires first."""
        while True:
            try:
                return self._write(wanted)
            except Refusal as refused:
                if refused.answer.outcome not in ("balance_too_low", "balance_too_high"):
                    raise
                count = len(self.open_holds)
                account = next(
                    n for n, a in enumerate(self.accounts) if a.code == refused.answer.named
                )
                self.expire_due(wanted.request.occurred_on, account)
                if len(self.open_holds) == count:
                    raise

    def _write(self, wanted: Named) -> Answer:
        if replay := self._replay(wanted):
            return replay
        request = wanted.request
        self._check_day(request.occurred_on)
        check_sums(request.legs, self.accounts)
        self._move(request)
        self.by_key[wanted.key] = len(self.written)
        self.written.append(wanted)
        return Answer("posted")

    def _replay(self, wanted: Named) -> Answer | None:
        number = self.by_key.get(wanted.key)
        if number is None:
            return None
        stored = self.written[number].request
        if stored != wanted.request:
            raise Refusal("key_reused", difference(stored, wanted.request))
        return Answer("replay")

    def _check_day(self, day: date) -> None:
        if self.closed_through is not None and day <= self.closed_through:
            raise Refusal("period_closed")

    def _move(self, request: Request) -> None:
        after = list(self.counters)
        for number in sorted({account for account, _, _ in request.legs}):
            moved = moved_by(self.counters[number], request, number)
            account = self.accounts[number]
            if account.is_bounded:
                if not self.is_open[number] and request.kind not in ("hold_void", "hold_expire"):
                    raise Refusal("account_closed", account.code)
                if (
                    account.floor_minor is not None
                    and moved.posted - moved.pending_out < account.floor_minor
                ):
                    raise Refusal("balance_too_low", account.code)
                if (
                    account.ceiling_minor is not None
                    and moved.posted + moved.pending_in > account.ceiling_minor
                ):
                    raise Refusal("balance_too_high", account.code)
            after[number] = moved
        self.counters = after
