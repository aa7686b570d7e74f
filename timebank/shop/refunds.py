"""Returns: a whole receipt comes back.

The ledger mirrors the sale in a transaction of its own, which gives the points back and restocks
the shelf at once.

Invariants: a receipt is returned once, with a reason, by a clerk who is not the member; the receipt
itself is never changed.
"""

from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.ids import new_id
from ledger.journal import reverse
from timebank.actors import Actor, Permission
from timebank.people.models import Community
from timebank.shop import receipts
from timebank.shop.errors import AlreadyRefunded, NonceReused, OwnAccount, ReasonInvalid
from timebank.shop.goods import check_nonce
from timebank.shop.models import REASON_LENGTH_MAX, Redemption, Refund
from timebank.shop.receipts import Receipt


def refund(
    session: Session, actor: Actor, *, receipt_number: int, reason: str, nonce: str
) -> Receipt:
    """Return a receipt: the points go back, the pieces stand on the shelf again.

    Args:
        session: write session.
        actor: needs `keep_shop`; not the member.
        receipt_number: the number printed on the receipt.
        reason: 1 to 200 characters.
        nonce: the form's own number; the same nonce is the same return.

    Returns:
        the receipt with its refund; `is_replay` when the same nonce had already done it.

    Raises:
        ReceiptNotFound, OwnAccount, AlreadyRefunded, ReasonInvalid, NonceReused: receipt_not_found,
            own_account, already_refunded, reason_invalid, nonce_reused.
    """
    actor.require(Permission.KEEP_SHOP)
    check_nonce(nonce)
    stripped = reason.strip()
    if not 1 <= len(stripped) <= REASON_LENGTH_MAX or "\0" in stripped:
        raise ReasonInvalid(length_max=REASON_LENGTH_MAX)
    _lock(session, actor, receipt_number)
    receipt = receipts.read_receipt(session, actor, receipt_number=receipt_number)
    if receipt.refund is not None:
        if receipt.refund.nonce == nonce:
            return receipt
        raise AlreadyRefunded(receipt=receipt_number)
    if receipt.redemption.member_id == actor.member_id:
        raise OwnAccount
    return _book(session, actor, receipt, stripped, nonce)


def _lock(session: Session, actor: Actor, receipt_number: int) -> None:
    """Let a second return of the same receipt wait for the first."""
    session.execute(
        sa.select(Redemption.id)
        .where(
            Redemption.community_id == actor.community_id,
            Redemption.receipt_number == min(max(receipt_number, 0), receipts.NUMBER_MAX),
        )
        .with_for_update(key_share=True)
    )


def _book(session: Session, actor: Actor, receipt: Receipt, reason: str, nonce: str) -> Receipt:
    used = session.scalar(
        sa.select(Refund.id).where(Refund.community_id == actor.community_id, Refund.nonce == nonce)
    )
    if used is not None:
        raise NonceReused
    refund_id = new_id()
    community = session.get_one(Community, actor.community_id)
    posted = reverse(
        session,
        actor.community_id,
        receipt.redemption.transaction_id,
        reason=reason,
        idempotency_key=f"refund:{nonce}",
        actor=actor.reference,
        occurred_on=clock.today(community.time_zone),
        source=f"refund:{refund_id}",
    )
    made = Refund(
        community_id=actor.community_id,
        id=refund_id,
        nonce=nonce,
        redemption_id=receipt.redemption.id,
        reason=reason,
        refunded_by_id=actor.member_id,
        refunded_at=clock.now(),
        transaction_id=posted.transaction_id,
    )
    session.add(made)
    session.flush()
    return replace(receipt, refund=made, is_replay=False)
