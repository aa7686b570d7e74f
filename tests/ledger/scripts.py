"""Random scripts for the model and for both databases: what is done, and what it must come to.

A script is a list of acts (database sessions), each a list of steps. It depends on its seed and
length only, and a shorter script of a seed is the beginning of a longer one, so that a failing
script shrinks by itself. Steps name accounts and transactions by the numbers of the model.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from tests.ledger.model import Model
from tests.ledger.model_words import (
    AMOUNT_MAX,
    KINDS_OF_ITS_OWN,
    Answer,
    ModelAccount,
    Named,
    Request,
)

ACCOUNTS = (
    ModelAccount("Issuance", "POINT"),
    ModelAccount("Alice", "POINT", floor_minor=0),
    ModelAccount("Bob", "POINT", floor_minor=-20, ceiling_minor=40),
    ModelAccount("Carol", "POINT", floor_minor=0, ceiling_minor=100),
    ModelAccount("Dues", "POINT", ceiling_minor=60),
    ModelAccount("Stock", "GOODS-0001", floor_minor=0),
    ModelAccount("Intake", "GOODS-0001"),
)
POINTS, GOODS = (0, 1, 2, 3, 4), (5, 6)
NOBODY = len(ACCOUNTS)
"""The number of an account that is in no book."""
FIRST_DAY = date(2026, 11, 1)
DAY_COUNT = 70
STEPS_PER_ACT_MAX = 6
EXPIRED = "expire:"
ABORTED = 0.06
"""Share of sessions that are rolled back at their end."""


class Step(NamedTuple):
    """One call.

    `second` is its moment, `target` the key of the transaction that it is about (where there is
    none: None), `expected` what the model says to it.
    """

    second: int
    name: str
    arguments: tuple[Any, ...]
    target: str | None
    expected: Answer


@dataclass(frozen=True)
class Act:
    """One database session, committed or rolled back."""

    steps: list[Step]
    is_aborted: bool


def write_script(seed: str, step_count: int) -> tuple[list[Act], Model]:
    """Return a script of so many steps, and the model as it leaves it."""
    author = Author(random.Random(seed))
    acts: list[Act] = []
    left = step_count
    while left > 0:
        acts.append(author.act(left))
        left -= len(acts[-1].steps)
    return acts, author.model


class Author:
    """Writes one script, step by step, beside the model that plays it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.model = Model(ACCOUNTS)
        self._key_count = 0
        self._due: list[tuple[str, tuple[Any, ...]]] = []
        self._ways: list[tuple[int, Callable[[], tuple[str, tuple[Any, ...]]]]] = [
            (30, lambda: ("post", (self._wanted(),))),
            (6, self._repeated),
            (7, self._changed),
            (5, self._tried_and_posted),
            (7, lambda: ("post_many", ([self._member() for _ in range(self._upto(6))],))),
            (8, self._reversal),
            (10, self._hold),
            (9, self._hold_post),
            (4, lambda: self._resolution("hold_void")),
            (4, lambda: ("expire", (self._number("hold"), self._day()))),
            (3, lambda: ("expire_due", (self._day(),))),
            (6, self._account_act),
            (5, self._period_act),
            (2, self._opening),
        ]

    def act(self, step_count_max: int) -> Act:
        before = self.model.kept()
        is_aborted = self.chance.random() < ABORTED
        if self.chance.random() < 0.08:
            steps = [self._play("seal", ())]  # a seal has a session of its own
        else:
            count = min(step_count_max, 1 + self._upto(STEPS_PER_ACT_MAX - 1))
            steps = [self._play(*self._next()) for _ in range(count)]
        if is_aborted:
            now = self.model.now
            self.model.back_to(before)
            self.model.now = now
        return Act(steps, is_aborted)

    def _play(self, name: str, arguments: tuple[Any, ...]) -> Step:
        self.model.now += 1
        call = getattr(self.model, name)
        target = self._target(arguments[0]) if name in ("reverse", "resolve", "expire") else None
        answer = self.model.answer(lambda: call(*arguments))
        return Step(self.model.now, name, arguments, target, answer)

    def _target(self, number: int | None) -> str | None:
        """The key of a transaction; what expired a hold is named by the key of the hold."""
        if number is None:
            return None
        key = self.model.written[number].key
        if not key.startswith(EXPIRED):
            return key
        return EXPIRED + self.model.written[int(key.removeprefix(EXPIRED))].key

    def _next(self) -> tuple[str, tuple[Any, ...]]:
        if self._due:
            return self._due.pop()
        weights = [weight for weight, _ in self._ways]
        return self.chance.choices([way for _, way in self._ways], weights)[0]()

    # Drafts -----------------------------------------------------------------------------------

    def _wanted(self, kind: str | None = None) -> Named:
        chosen = kind or self.chance.choice(("transfer", "service", "donation"))
        if self._seldom(60):
            chosen = "reversal"
        text = self.chance.choice(("", "a", "手"))
        legs = tuple(self._legs())
        return Named(self._key(), Request(None, None, None, chosen, legs, *self._signed(text)))

    def _signed(self, text: str) -> tuple[date, str, str, str]:
        actor = self.chance.choice(("system:test", "M1"))
        return self._day(), actor, self.chance.choice(("s:1", "s:2")), text

    def _legs(self) -> list[tuple[int, int, bool]]:
        way = self.chance.random()
        if way < 0.72:
            return self._transfer(self.chance.choice((POINTS, POINTS, POINTS, GOODS)))
        if way < 0.80:
            return [*self._transfer(POINTS), *self._transfer(GOODS)]
        if way < 0.88:
            return [leg for _ in range(self._upto(4)) for leg in self._transfer(POINTS)]
        wrong: list[tuple[int, int, bool]] = self._transfer(POINTS)
        account, amount, _ = wrong[0]
        wrong[0] = self.chance.choice(
            (
                (account, amount - 1, False),
                (account, 0, False),
                (NOBODY, amount, False),
                (GOODS[0], amount, False),
                (account, -AMOUNT_MAX - 1, False),
                (account, -AMOUNT_MAX, False),
            )
        )
        return wrong[: self.chance.choice((2, 2, 2, 2, 1, 0))]

    def _transfer(self, among: tuple[int, ...]) -> list[tuple[int, int, bool]]:
        source, target = self.chance.choices(among, (3, *(2 for _ in among[1:])), k=2)
        amount = AMOUNT_MAX if self._seldom(200) else self.chance.randint(1, 30)
        return [(source, -amount, False), (target, amount, False)]

    def _member(self) -> Named:
        """Of a batch: most give something, some are wrong, some were written long ago."""
        way = self.chance.random()
        if way < 0.12 and self.model.written:
            return self.chance.choice(self.model.written)
        wanted = self._wanted()
        if way < 0.75:  # most members are good ones, else hardly a batch would be
            wanted = wanted._replace(request=wanted.request._replace(legs=tuple(self._gift())))
        return wanted

    def _gift(self) -> list[tuple[int, int, bool]]:
        amount = self.chance.randint(1, 4)
        return [(0, -amount, False), (self.chance.choice((1, 1, 2, 3)), amount, False)]

    def _repeated(self) -> tuple[str, tuple[Any, ...]]:
        earlier = self._earlier()
        return self._again(earlier) if earlier else ("post", (self._wanted(),))

    def _changed(self) -> tuple[str, tuple[Any, ...]]:
        """An earlier key with one field changed, each in turn."""
        earlier = self._earlier()
        if earlier is None:
            return "post", (self._wanted(),)
        request = earlier.request
        names = ["occurred_on", "actor", "source", "narration"]
        if request.kind not in KINDS_OF_ITS_OWN:
            names.append("kind")
        if request.kind not in KINDS_OF_ITS_OWN or request.kind == "hold":
            names.append("legs")
        name = self.chance.choice(names)
        changes: dict[str, Any] = {
            "kind": "exchange",
            "legs": tuple(self._transfer(POINTS)),
            "occurred_on": request.occurred_on + timedelta(days=1),
            "actor": request.actor + "x",
            "source": request.source + "x",
            "narration": request.narration + "x",
        }
        if request.kind == "hold" and self._seldom(2):
            name, changes["expires_at"] = "expires_at", (request.expires_at or 0) + 1000
        return self._again(earlier._replace(request=request._replace(**{name: changes[name]})))

    def _again(self, earlier: Named) -> tuple[str, tuple[Any, ...]]:
        """The call that wrote it, with what is now asked for."""
        request = earlier.request
        if request.reverses_id is not None:
            return "reverse", (request.reverses_id, earlier)
        if request.resolves_id is not None and request.kind != "hold_expire":
            amounts: list[int] | None = None if request.kind == "hold_post" else []
            return "resolve", (request.resolves_id, earlier, amounts)
        if request.kind == "hold" or request.expires_at is not None:
            return "place", (earlier._replace(request=request._replace(kind="hold")),)
        return "post", (earlier,)

    def _tried_and_posted(self) -> tuple[str, tuple[Any, ...]]:
        wanted = self._wanted()
        self._due.append(("post", (wanted,)))
        return "dry_run", (wanted,)

    # What refers to what was written ----------------------------------------------------------

    def _reversal(self) -> tuple[str, tuple[Any, ...]]:
        text = "  " if self._seldom(30) else "because"
        request = Request(None, None, None, "reversal", (), *self._signed(text))
        return "reverse", (self._number(), Named(self._key(), request))

    def _hold(self) -> tuple[str, tuple[Any, ...]]:
        wanted = self._wanted("hold")
        legs = tuple((account, amount, True) for account, amount, _ in wanted.request.legs)
        expires_at = self.model.now + self.chance.choice((0, 2, 5, 10, 30, 60, 200))
        changed = wanted.request._replace(kind="hold", legs=legs, expires_at=expires_at)
        return "place", (wanted._replace(request=changed),)

    def _hold_post(self) -> tuple[str, tuple[Any, ...]]:
        name, (number, wanted, _) = self._resolution("hold_post")
        held = self.model.written[number].request.legs if number is not None else ()
        amounts = self._amounts([leg[1] for leg in held]) if held else None
        return name, (number, wanted, amounts)

    def _amounts(self, held: list[int]) -> list[int] | None:
        way = self.chance.random()
        if way < 0.45:
            return None
        part = self.chance.randint(0, min(abs(amount) for amount in held))
        if way < 0.80:  # the same of every leg: as balanced as the hold
            return [part if amount > 0 else -part for amount in held]
        if way < 0.90:
            return [amount * 2 for amount in held]
        return [amount if self._seldom(2) else part for amount in held]

    def _resolution(self, kind: str) -> tuple[str, tuple[Any, ...]]:
        request = Request(None, None, None, kind, (), *self._signed(""))
        return "resolve", (self._number("hold"), Named(self._key(), request), [])

    def _number(self, kind: str | None = None) -> int | None:
        """Of a transaction, mostly of the kind and open; None is one that is not there."""
        if self._seldom(40) or not self.model.written:
            return None
        if kind and self.model.open_holds and not self._seldom(5):
            return self.chance.choice(sorted(self.model.open_holds))
        return self.chance.randrange(len(self.model.written))

    # Acts -------------------------------------------------------------------------------------

    def _account_act(self) -> tuple[str, tuple[Any, ...]]:
        shut = [number for number, is_open in enumerate(self.model.is_open) if not is_open]
        reason = "" if self._seldom(20) else "x"
        if shut and not self._seldom(4):
            return "set_open", (self.chance.choice(shut), True, reason)
        number = self.chance.choice((*POINTS, *GOODS, None))
        return "set_open", (number, self._seldom(8), reason)

    def _period_act(self) -> tuple[str, tuple[Any, ...]]:
        reason = "" if self._seldom(20) else "x"
        if self.model.closed_through and not self._seldom(4):
            back = self.model.closed_through - timedelta(days=self._upto(40))
            return "close_through", (None if self._seldom(3) else back, False, reason)
        day = FIRST_DAY + timedelta(days=self.chance.randint(-5, 25))
        return "close_through", (day, not self._seldom(10), reason)

    def _opening(self) -> tuple[str, tuple[Any, ...]]:
        number = self.chance.randrange(len(ACCOUNTS))
        twin = self.chance.choice((ACCOUNTS[number], ACCOUNTS[number], *ACCOUNTS))
        return "open_account", (number, twin)

    # Chance -----------------------------------------------------------------------------------

    def _earlier(self) -> Named | None:
        mine = [named for named in self.model.written if named.request.kind != "hold_expire"]
        return self.chance.choice(mine) if mine else None

    def _key(self) -> str:
        if self.model.by_key and self._seldom(25):
            return self.chance.choice([key for key in self.model.by_key if key[0] == "k"] or ["k0"])
        self._key_count += 1
        return f"k{self._key_count}"

    def _day(self) -> date:
        return FIRST_DAY + timedelta(days=self.chance.randint(0, DAY_COUNT))

    def _upto(self, count: int) -> int:
        return self.chance.randint(0, count)

    def _seldom(self, one_in: int) -> bool:
        return self.chance.randrange(one_in) == 0
