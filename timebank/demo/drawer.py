"""A day at the till of a demo community: a float, two sales in cash, a drawer that is short."""

from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from ledger import clock
from timebank.codes import CodeKeys
from timebank.demo.people import Town
from timebank.shop import cash, goods, safe, till, till_days
from timebank.shop.basket import Line
from timebank.shop.cash_models import SafeMoveKind
from timebank.shop.models import ValueBasis
from timebank.shop.safe import Wanted
from timebank.shop.sale_models import PaysWith
from timebank.shop.stock import shop_window
from timebank.shop.till import Sale
from timebank.shop.till_days import Counting

FLOAT_FEN = 20_000
DEPOSIT_FEN = 50_000
PRICE_FEN = 1_500
SHORT_FEN = 100
OPENS, SELLS, CLOSES = time(8, 30), time(10, 15), time(17, 5)


def tell(session: Session, keys: CodeKeys, town: Town) -> None:
    """Let the clerk keep the till for a day, the one before today, and the social worker sign."""
    zone = ZoneInfo(town.community.time_zone)
    on = clock.today(town.community.time_zone) - timedelta(days=1)
    with clock.at(datetime.combine(on, OPENS, zone)):
        day_id = _open(session, town)
    with clock.at(datetime.combine(on, SELLS, zone)):
        sold_fen = _sell(session, keys, town)
    there = cash.fewest_pieces(FLOAT_FEN + sold_fen - SHORT_FEN)
    with clock.at(datetime.combine(on, CLOSES, zone)):
        counting = Counting(
            nonce=f"demo-closing-{town.facts.code}",
            count=there,
            difference_fen=-SHORT_FEN,
            reason="上午找零多给了一元",
            left_fen=FLOAT_FEN,
        )
        till_days.close_day(session, town.clerk, day_id=day_id, counting=counting)
        till_days.sign_day(session, town.social_worker, day_id=day_id)
    wanted = Wanted(
        f"demo-hand-over-{town.facts.code}", SafeMoveKind.TO_FUND, 2_000, "义卖款交社区基金"
    )
    safe.hand_over(session, town.clerk, wanted=wanted)


def _open(session: Session, town: Town) -> UUID:
    wanted = Wanted(
        f"demo-deposit-{town.facts.code}", SafeMoveKind.DEPOSIT, DEPOSIT_FEN, "开店备用金"
    )
    entered = safe.hand_over(session, town.social_worker, wanted=wanted)
    safe.decide(session, town.clerk, move_id=entered.move.id, is_confirmed=True)
    counting = Counting(f"demo-opening-{town.facts.code}", cash.fewest_pieces(FLOAT_FEN))
    opened = till_days.open_day(session, town.clerk, till_number=1, counting=counting)
    return opened.day.id


def _sell(session: Session, keys: CodeKeys, town: Town) -> int:
    """Price two kinds of goods in cash as well, and sell one of each; return what was paid."""
    entries = [entry for entry in shop_window(session, town.clerk) if entry.available > 1][:2]
    for entry in entries:
        goods.set_price(
            session,
            town.social_worker,
            item_number=entry.item.number,
            price_points=entry.item.price_points,
            basis=ValueBasis.COUNCIL,
            price_fen=PRICE_FEN,
        )
        lines = (Line(entry.item.number, 1, pays_with=PaysWith.CASH),)
        nonce = f"demo-cash-{town.facts.code}-{entry.item.number}"
        sale = Sale(holder="", lines=lines, nonce=nonce, tendered_fen=2 * PRICE_FEN)
        till.redeem(session, town.clerk, keys, sale=sale)
    return len(entries) * PRICE_FEN
