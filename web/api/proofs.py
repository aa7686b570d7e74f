"""API of proofs: the receipt of a transaction, to be checked without us."""

from typing import Any
from uuid import UUID

import marshmallow as ma

from timebank.actors import Permission
from timebank.insight import receipt_document, receipts
from web.api import Out, area
from web.auth import allow, current_actor
from web.fields import Identifier
from web.session import reading

DIGEST = {"pattern": "^[0-9a-f]{64}$"}


def digest(**options: Any) -> ma.fields.String:
    """Return the field of a hash."""
    return ma.fields.String(required=True, metadata=DIGEST, **options)


def moment(**options: Any) -> ma.fields.String:
    """Return the field of a moment, exact to the microsecond: the hashes cover it."""
    return ma.fields.String(required=True, metadata={"format": "date-time"}, **options)


class PlaceOut(Out):
    """Where an item stands, and the way from it to the root of its block."""

    sequence = ma.fields.Integer(required=True)
    block_no = ma.fields.Integer(required=True)
    path = ma.fields.List(digest(), required=True)


class LegOut(Out):
    """One amount into (+) or out of (-) an account."""

    account_id = Identifier(required=True)
    amount_minor = ma.fields.Integer(required=True)
    is_pending = ma.fields.Boolean(required=True)


class SealedTransactionOut(Out):
    """Every field that the hashes of the transaction cover."""

    id = Identifier(required=True)
    kind = ma.fields.String(required=True)
    occurred_on = ma.fields.String(required=True, metadata={"format": "date"})
    recorded_at = moment()
    actor = ma.fields.String(required=True)
    source = ma.fields.String(required=True)
    narration = ma.fields.String(required=True)
    idempotency_key = ma.fields.String(required=True)
    reverses_id = Identifier(required=True, allow_none=True)
    resolves_id = Identifier(required=True, allow_none=True)
    expires_at = moment(allow_none=True)
    legs = ma.fields.List(ma.fields.Nested(LegOut), required=True)
    request_hash = digest()
    content_hash = digest()
    place = ma.fields.Nested(PlaceOut, required=True)


class SealedAccountOut(Out):
    """An account of a leg; it ties the code to the id."""

    id = Identifier(required=True)
    code = ma.fields.String(required=True)
    commodity = ma.fields.String(required=True)
    is_bounded = ma.fields.Boolean(required=True)
    floor_minor = ma.fields.Integer(required=True, allow_none=True)
    ceiling_minor = ma.fields.Integer(required=True, allow_none=True)
    opened_at = moment()
    content_hash = digest()
    place = ma.fields.Nested(PlaceOut, required=True)


class BlockOut(Out):
    """The head of one block; each names the hash of the one before."""

    block_no = ma.fields.Integer(required=True)
    first_sequence = ma.fields.Integer(required=True)
    last_sequence = ma.fields.Integer(required=True)
    merkle_root = digest()
    previous_hash = digest()
    block_hash = digest()
    sealed_at = moment()


class ReceiptOfTransactionOut(Out):
    """The document that `timebank receipt check` reads."""

    format = ma.fields.String(required=True)
    community_id = Identifier(required=True)
    transaction = ma.fields.Nested(SealedTransactionOut, required=True)
    accounts = ma.fields.List(ma.fields.Nested(SealedAccountOut), required=True)
    blocks = ma.fields.List(ma.fields.Nested(BlockOut), required=True)


blueprint = area("transactions", "Transactions of the book and their proof")


@blueprint.route("/transactions/<uuid:transaction_id>/receipt", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, ReceiptOfTransactionOut)
def get_receipt_of_transaction(transaction_id: UUID) -> dict[str, Any]:
    """Prove that a transaction stands in the sealed book; `not_sealed_yet` for a moment."""
    with reading() as session:
        found = receipts.make_receipt(session, current_actor(), transaction_id=transaction_id)
    return receipt_document.dump(found)
