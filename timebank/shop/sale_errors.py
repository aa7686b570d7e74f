"""What the till refuses of cash, swaps, helpers, limits of a month, parts and waiting baskets."""

from ledger.errors import N_, Invalid, NotAllowed, NotFound, Refused
from timebank.shop.errors import PriceChanged


class MemberNeeded(Refused):
    """Points and swapped goods are a member's."""

    code = "member_needed"
    message = N_("Rows paid with points need a member. Scan the card or the pay code first.")


class MonthLimitReached(Refused):
    """A member redeems only so many points in one month."""

    code = "month_limit_reached"
    message = N_("This needs %(needed)s points, %(left)s more can be redeemed this month.")


class HouseholdLimitReached(Refused):
    """A household redeems only so many points together in one month."""

    code = "household_limit_reached"
    message = N_("This needs %(needed)s points, the household can redeem %(left)s more this month.")


class CashPriceChanged(PriceChanged):
    """The same, where something is paid in cash."""

    code = "cash_price_changed"
    message = N_(
        "The price of %(item_names)s has changed. The total is now %(total_points)s points"
        " and %(total_yuan)s yuan."
    )


class DrawerShort(Refused):
    """The drawer holds less than goes back."""

    code = "drawer_short"
    message = N_(
        "%(needed)s yuan go back, %(available)s are in the drawer of till %(till_number)s."
    )


class TenderedTooLittle(Refused):
    """The buyer laid down less than the goods cost."""

    code = "tendered_too_little"
    message = N_("The goods cost %(needed)s yuan, %(given)s were given.")


class NoCashTaken(Invalid):
    """Cash was laid down for a basket without a row in cash."""

    code = "no_cash_taken"
    message = N_("Nothing in this basket is paid in cash.")


class OwnPriceSwapped(NotAllowed):
    """Who brings goods in did not price them."""

    code = "own_price_swapped"
    message = N_("The price of %(item_name)s was set by the member. Somebody else must set it.")


class HelperNotAgreed(NotAllowed):
    """The member has not agreed that this person comes for them."""

    code = "helper_not_agreed"
    message = N_("%(name)s has not agreed that %(helper)s comes for them.")


class HelperNeedsMember(Refused):
    """A helper comes for somebody."""

    code = "helper_needs_member"
    message = N_("Scan the card of the member first, then the helper's.")


class HeldNotFound(NotFound):
    """No such basket waits in this community."""

    code = "held_not_found"
    message = N_("This basket does not wait any more.")


class TooManyHeld(Refused):
    """Only so many baskets wait at a time."""

    code = "too_many_held"
    message = N_("%(count_max)s baskets wait already. Take one of them up first.")


class ReturnedTooMany(Refused):
    """Of a line never more pieces come back than went out."""

    code = "returned_too_many"
    message = N_("%(item_name)s: %(need)s to be returned, %(left)s not yet returned.")


class ReturnLineNotFound(NotFound):
    """The receipt has no such line."""

    code = "return_line_not_found"
    message = N_("Receipt %(receipt)s has no row %(line_no)s.")


class SwapReturnsWhole(Refused):
    """What was swapped comes back as a whole, at the till where it was swapped."""

    code = "swap_returns_whole"
    message = N_(
        "Goods were swapped on receipt %(receipt)s. It is returned as a whole, at till %(till)s."
    )
