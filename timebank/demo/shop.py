"""The charity shop of a demo community: goods priced, exchanged, once returned, one reserved."""

from datetime import datetime, timedelta
from io import BytesIO

from PIL import Image, ImageDraw
from sqlalchemy.orm import Session

from ledger import clock, reports
from timebank import codes
from timebank.codes import CodeKeys
from timebank.demo.facts import GoodsFacts
from timebank.demo.people import Town, has_phone
from timebank.people.models import Member
from timebank.shop import goods, intake, photos, refunds, reservations, till
from timebank.shop.goods import ItemDetails
from timebank.shop.intake import Intake
from timebank.shop.models import IntakeChoice, ValueBasis
from timebank.shop.stock import shop_window
from timebank.shop.till import Line, Sale

CUSTOMERS_PER_MONTH = 5
FIRST_CUSTOMER = 10
"""Place in the member list after those who hold an office or lead."""
POINTS_KEPT = 6
"""What a customer of the story keeps back, so that nobody stands at zero."""
RETURNED_IN_MONTH = 20
_YARNS = ("#a33b2f", "#2f5d7c", "#c98a2b", "#3f6b4f", "#7a4b76", "#8a8178", "#b5536b", "#5b7f95")


def stock(session: Session, town: Town, opened_at: datetime) -> None:
    """Bring in every kind of goods and price it, on the day the shop opened."""
    with clock.at(opened_at):
        for number, facts in enumerate(town.facts.goods, start=1):
            _bring_in(session, town, number, facts)


def visit(
    session: Session, keys: CodeKeys, town: Town, month_no: int, turn: int, at: datetime
) -> None:
    """Let one customer of a month come to the till; once, somebody brings a purchase back."""
    place = FIRST_CUSTOMER + (month_no * 7 + turn * 13) % (len(town.cast) - FIRST_CUSTOMER)
    with clock.at(at):
        receipt_number = _buy(session, keys, town, place, month_no + turn)
    if receipt_number is None or (month_no, turn) != (RETURNED_IN_MONTH, 0):
        return
    with clock.at(at + timedelta(hours=3)):
        refunds.refund(
            session,
            town.clerk,
            receipt_number=receipt_number,
            reason="尺寸不合适，当天退回",
            nonce=f"demo-refund-{town.facts.code}-{month_no}",
        )


def keep_one(session: Session, town: Town) -> None:
    """Let the first volunteer reserve the dearest that they can afford."""
    community_id = town.community.community_id
    member = session.get_one(Member, (community_id, town.cast[0].member_id))
    held = reports.spendable(session, community_id, [member.points_account_id])
    points = held[member.points_account_id].available_minor
    affordable = {
        price_points: entry.item.number
        for entry in shop_window(session, town.clerk)
        if (price_points := entry.item.price_points) and price_points + POINTS_KEPT <= points
    }
    if affordable:
        reservations.reserve(
            session,
            town.cast[0],
            item_number=affordable[max(affordable)],
            quantity=1,
            nonce=f"demo-reservation-{town.facts.code}",
        )


def _bring_in(session: Session, town: Town, number: int, facts: GoodsFacts) -> None:
    nonce = f"demo-{town.facts.code}-{number}"
    photo = photos.add_photo(session, town.clerk, content=swatch(number))
    details = ItemDetails(
        name=facts.name,
        story=facts.story,
        maker_number=None if facts.maker is None else facts.maker + 1,
        photo_id=photo.id,
    )
    item = goods.add_item(session, town.clerk, details=details, nonce=nonce)
    goods.set_price(
        session,
        town.social_worker,
        item_number=item.number,
        price_points=facts.price_points,
        basis=ValueBasis.COUNCIL,
    )
    arrival = Intake(
        item_number=item.number,
        piece_count=facts.piece_count,
        choice=IntakeChoice.DONATE,
        donor_number=None if facts.maker is None else facts.maker + 1,
        nonce=nonce,
    )
    intake.receive(session, town.clerk, intake=arrival)


def _buy(session: Session, keys: CodeKeys, town: Town, place: int, turn: int) -> int | None:
    """Exchange what the customer can afford; return the receipt's number, None if nothing."""
    community_id = town.community.community_id
    member = session.get_one(Member, (community_id, town.cast[place].member_id))
    points = reports.balance(session, community_id, member.points_account_id).available_minor
    affordable = [
        entry.item.number
        for entry in shop_window(session, town.clerk)
        if (entry.item.price_points or 0) + POINTS_KEPT <= points
    ]
    if not affordable:
        return None
    holder = (
        codes.pay_code(keys, community_id, town.aliases[place], clock.now())
        if has_phone(place)
        else town.card_digits[place]
    )
    sale = Sale(
        holder=holder,
        lines=(Line(affordable[turn % len(affordable)], 1),),
        nonce=f"demo-sale-{town.facts.code}-{turn}-{member.number}-{clock.now():%Y%m%d}",
    )
    return till.redeem(session, town.clerk, keys, sale=sale).redemption.receipt_number


def swatch(number: int) -> bytes:
    """Return a drawn sample of cloth as PNG: the demo world shows no photographs of real things."""
    side, thread = 640, 20
    warp, weft = _YARNS[number % len(_YARNS)], _YARNS[(number * 3 + 1) % len(_YARNS)]
    picture = Image.new("RGB", (side, side), "#f6f1e7")
    draw = ImageDraw.Draw(picture)
    for row in range(side // thread):
        for column in range(side // thread):
            is_over = (row * (1 + number % 3) + column) % 4 < 2
            left, top = column * thread, row * thread
            box = (left + 1, top + 1, left + thread - 2, top + thread - 2)
            draw.rounded_rectangle(box, radius=6, fill=warp if is_over else weft)
    out = BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
