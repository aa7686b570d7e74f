"""What the shop refuses, and what it says then.

Card, PIN and suspension refusals stand in `timebank/people/errors.py`.
"""

from ledger.errors import N_, Invalid, NotAllowed, NotFound, Refused

# ---------------------------------------------------------------- goods and photos


class ItemNotFound(NotFound):
    """No such goods in this community."""

    code = "item_not_found"
    message = N_("There are no goods with number %(item_number)s here.")


class ItemInvalid(Invalid):
    """A text of the goods is missing or too long."""

    code = "item_invalid"
    message = N_("%(field)s must have %(length_min)s to %(length_max)s characters.")


class MakerNeverPrices(NotAllowed):
    """The price is set by somebody else than the maker."""

    code = "maker_never_prices"
    message = N_("You made these goods, so somebody else must set the price.")


class PriceInvalid(Invalid):
    """A price is in points, in cash or in both, with a basis."""

    code = "price_invalid"
    message = N_(
        "A price is a whole number from 1 to %(price_points_max)s points, or 0.01 to"
        " %(price_yuan_max)s yuan, or both, with its basis."
    )


class PhotoNotFound(NotFound):
    """No such picture, or none that is shown."""

    code = "photo_not_found"
    message = N_("There is no such photo.")


class PhotoTooLarge(Invalid):
    """The file is over the limit."""

    code = "photo_too_large"
    message = N_("The photo has %(megabytes)s MB, at most %(megabytes_max)s MB fit.")


class PhotoNotReadable(Invalid):
    """Not a JPEG, PNG or WEBP picture, whatever its name says, or a damaged one."""

    code = "photo_not_readable"
    message = N_("This file is not a photo that can be read. Please choose a JPEG, PNG or WEBP.")


class PhotoTooManyPixels(Invalid):
    """So many pixels that opening the picture could stop the server."""

    code = "photo_too_many_pixels"
    message = N_("The photo has too many pixels, at most %(megapixels_max)s million fit.")


# ---------------------------------------------------------------- intake


class PieceCountInvalid(Invalid):
    """Pieces are counted in whole numbers."""

    code = "piece_count_invalid"
    message = N_("The number of pieces must be a whole number from 1 to %(piece_count_max)s.")


class ExchangeNeedsMaker(Refused):
    """Points go to a member, so the goods must have one as their maker."""

    code = "exchange_needs_maker"
    message = N_("%(item_name)s has no volunteer as its maker, so it can only be donated.")


class ReceiverIsDonor(NotAllowed):
    """Nobody takes in their own goods."""

    code = "receiver_is_donor"
    message = N_("Somebody else must receive the goods that you bring.")


class ExchangeLimitReached(Refused):
    """One maker is paid only so much in one day."""

    code = "exchange_limit_reached"
    message = N_("This brings %(needed)s points, %(left)s more can be earned by goods today.")


# ---------------------------------------------------------------- the till: who


class CodeNotUnderstood(Invalid):
    """A scan that is no code of ours; it is shown as it came."""

    code = "unknown_code"
    message = N_(
        "“%(text)s” is not a code of this shop. Switch the input method to English and scan again."
    )


class PayCodeExpired(Refused):
    """The pay code is older than a minute, or was never ours: the two answer alike."""

    code = "code_expired"
    message = N_("This pay code is no longer good. Please scan the one on the phone now.")


class PayCodeUsed(Refused):
    """A pay code is good for one sale."""

    code = "code_used"
    message = N_("This pay code was already used. Please scan the next one on the phone.")


class ScanAgain(Refused):
    """The member was identified too long ago."""

    code = "scan_again"
    message = N_("Please scan the card or the pay code again.")


class OwnAccount(NotAllowed):
    """Clerks do not serve themselves."""

    code = "own_account"
    message = N_("This is your own account. Another clerk must serve you.")


# ---------------------------------------------------------------- the till: what


class BasketEmpty(Invalid):
    """Nothing to redeem."""

    code = "basket_empty"
    message = N_("There is nothing in the basket yet. Please scan the goods.")


class BasketTooLong(Invalid):
    """More rows than one receipt takes."""

    code = "basket_too_long"
    message = N_("One receipt takes %(rows_max)s rows. Please finish these goods first.")


class BasketRepeats(Invalid):
    """The same goods stand in two rows."""

    code = "basket_repeats"
    message = N_("Goods number %(item_number)s stand in two rows. Please use the quantity.")


class QuantityInvalid(Invalid):
    """A quantity is a whole number of pieces."""

    code = "quantity_invalid"
    message = N_("The quantity must be a whole number from 1 to %(quantity_max)s.")


class NotPriced(Refused):
    """Goods without a price are not on sale."""

    code = "not_priced"
    message = N_("%(item_name)s has no price yet.")


class ItemGone(Refused):
    """Fewer pieces are left than asked for."""

    code = "item_gone"
    message = N_("%(item_name)s: %(need)s wanted, %(have)s left.")


class PriceChanged(Refused):
    """The total is not the one that was shown; `rows` names the goods with their present prices."""

    code = "price_changed"
    message = N_(
        "The price of %(item_names)s has changed. The total is now %(total_points)s points."
    )


class LimitReached(Refused):
    """A member redeems only so many points in one day."""

    code = "limit_reached"
    message = N_("This needs %(needed)s points, %(left)s more can be redeemed today.")


class Insufficient(Refused):
    """The member has fewer points than the basket needs."""

    code = "insufficient"
    message = N_("This needs %(needed)s points, %(available)s available.")


# ---------------------------------------------------------------- the till: cash, swaps, helpers


class TillInvalid(Invalid):
    """A till has one of a few numbers."""

    code = "till_invalid"
    message = N_("A till has a number from 1 to %(number_max)s.")


# ---------------------------------------------------------------- reservations


class ReservationNotFound(NotFound):
    """No such reservation, or somebody else's: the two answer alike."""

    code = "reservation_not_found"
    message = N_("There is no such reservation here.")


class TooManyReservations(Refused):
    """A member keeps only so many reservations at a time."""

    code = "too_many_reservations"
    message = N_(
        "You have %(count_max)s reservations already. Collect or cancel one of them first."
    )


class ReservationLapsed(Refused):
    """Its time is over; points and pieces are free again."""

    code = "reservation_lapsed"
    message = N_("The reservation of %(item_name)s ran out on %(last_day)s.")


class ReservationCancelled(Refused):
    """It was called off."""

    code = "reservation_cancelled"
    message = N_("The reservation of %(item_name)s was cancelled.")


class ReservationCollected(Refused):
    """The goods were handed over before."""

    code = "reservation_collected"
    message = N_("The reserved %(item_name)s was handed over already.")


# ---------------------------------------------------------------- receipts and returns


class ReceiptNotFound(NotFound):
    """No such receipt in this community."""

    code = "receipt_not_found"
    message = N_("There is no receipt %(receipt)s here.")


class AlreadyRefunded(Refused):
    """A receipt is returned once."""

    code = "already_refunded"
    message = N_("Receipt %(receipt)s was already returned.")


class ReasonInvalid(Invalid):
    """A return says why."""

    code = "reason_invalid"
    message = N_("Please write the reason in 1 to %(length_max)s characters.")


class NonceInvalid(Invalid):
    """The number that keeps a repeated request from counting twice is missing or too long."""

    code = "nonce_invalid"
    message = N_("The request number must have 1 to %(length_max)s characters.")


class NonceReused(Refused):
    """The same request number came with another content."""

    code = "nonce_reused"
    message = N_("This request number was already used for something else.")
