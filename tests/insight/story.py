"""A small book in which everything happened once: service, shop, return, commendation."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from ledger import clock
from tests.service.world import World, local, make_world
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys
from timebank.people import cards, pins
from timebank.rewards import commendations, shortlist, stars
from timebank.shop import goods, intake, refunds, till
from timebank.shop.goods import ItemDetails
from timebank.shop.intake import Intake
from timebank.shop.models import IntakeChoice, ValueBasis
from timebank.shop.till import Line, Sale

SHOP_DAY = date(2026, 11, 12)
DESK_DAY = date(2026, 11, 20)
PIN = "4826"


@dataclass
class Story:
    """The world after it all happened."""

    world: World
    kept_receipt_number: int
    returned_receipt_number: int

    @property
    def auditor(self) -> Actor:
        return self.world.actor(self.world.alice, Role.AUDITOR)


def tell(session: Session, keys: CodeKeys) -> Story:
    """Let Charlie and Dora serve, Charlie redeem twice and return once, and both be commended."""
    world = make_world(session, keys)
    occasion = world.plan()
    world.enrol(occasion, world.charlie, world.dora)
    world.serve(world.charlie, occasion)
    world.serve(world.dora, occasion, come="9:20", go="11:00")
    world.confirm(occasion, world.mark(world.charlie, occasion), world.mark(world.dora, occasion))
    kept, returned = _shop(world)
    _commend(world)
    return Story(world, kept, returned)


def _shop(world: World) -> tuple[int, int]:
    clerk = world.actor(world.bob, Role.CLERK)
    with clock.at(local("10:00", SHOP_DAY)):
        _bring_in(world, clerk, IntakeChoice.DONATE, "布艺杯垫", None)
        _bring_in(world, clerk, IntakeChoice.EXCHANGE, "毛线帽", world.dora.number)
        pins.set_pin(world.session, world.desk, world.charlie.id, pin=PIN)
        card = cards.issue_card(world.session, world.desk, world.charlie.id).card.digits
        numbers = [
            till.redeem(
                world.session,
                clerk,
                world.keys,
                sale=Sale(holder=card, lines=lines, nonce=f"story-sale-{place}", pin=PIN),
            ).redemption.receipt_number
            for place, lines in enumerate(((Line(1, 1), Line(2, 1)), (Line(1, 1),)))
        ]
    with clock.at(local("15:00", SHOP_DAY)):
        refunds.refund(
            world.session,
            clerk,
            receipt_number=numbers[1],
            reason="颜色不合适",
            nonce="story-refund",
        )
    return numbers[0], numbers[1]


def _bring_in(
    world: World, clerk: Actor, choice: IntakeChoice, name: str, maker_number: int | None
) -> None:
    details = ItemDetails(name=name, maker_number=maker_number)
    item = goods.add_item(world.session, clerk, details=details, nonce=f"story-item-{name}")
    goods.set_price(
        world.session,
        world.desk,
        item_number=item.number,
        price_points=1,
        basis=ValueBasis.COUNCIL,
    )
    arrival = Intake(item.number, 3, choice, f"story-intake-{name}")
    intake.receive(world.session, clerk, intake=arrival)


def _commend(world: World) -> None:
    system = Actor.system(world.community.community_id, "test")
    with clock.at(local("9:00", date(2026, 1, 1))):
        stars.release_star_rule(world.session, system, thresholds_minutes=(60,))
    with clock.at(local("9:00", DESK_DAY)):
        run = shortlist.dry_run(world.session, world.desk)
        chosen = [row.member_id for row in run.rows if row.is_eligible]
        commendations.issue(
            world.session, world.desk, world.keys, member_ids=chosen, basis=run.basis
        )
