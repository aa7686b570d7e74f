"""What makers are told: a piece of theirs has gone over the counter.

Invariant: once per line of a receipt, and without a word about who took it.
"""

from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from timebank.messages.models import MessageKind
from timebank.messages.outbox import Notice, write
from timebank.people.models import Community
from timebank.shop.models import Item
from timebank.shop.sale_models import Redemption, RedemptionLine


def tell_makers(
    session: Session, redemption: Redemption, lines: tuple[RedemptionLine, ...]
) -> None:
    """Write to the members whose pieces stand on a receipt; who buys their own is told nothing.

    Args:
        session: the write session of the sale.
        redemption: the receipt, just written.
        lines: its rows.
    """
    rows = session.execute(
        sa.select(Item.id, Item.maker_member_id).where(
            Item.community_id == redemption.community_id,
            Item.id.in_([line.item_id for line in lines]),
            Item.maker_member_id.is_not(None),
            Item.maker_member_id.is_distinct_from(redemption.member_id),
        )
    )
    makers = {item_id: maker_id for item_id, maker_id in rows if maker_id is not None}
    if not makers:
        return
    community = session.get_one(Community, redemption.community_id)
    moment = redemption.redeemed_at.astimezone(ZoneInfo(community.time_zone))
    write(
        session,
        redemption.community_id,
        [
            Notice(
                member_id=makers[line.item_id],
                kind=MessageKind.GOODS_GONE,
                facts={"title": line.item_name, "on": moment.date().isoformat()},
                reference=f"goods_gone:{redemption.id}:{line.line_no}",
            )
            for line in lines
            if line.item_id in makers
        ],
    )
