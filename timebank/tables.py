"""Every table of the system, imported once, so that migrations and lints see the whole metadata."""

from ledger.base import Base
from timebank import audit
from timebank.duty import models as duty
from timebank.insight import models as insight
from timebank.insight import webhook_models as webhooks
from timebank.messages import models as messages
from timebank.people import household_models as households
from timebank.people import models as people
from timebank.people import qualification_models as qualifications
from timebank.rewards import models as rewards
from timebank.service import correction_models as corrections
from timebank.service import models as service
from timebank.service import offline_models as offline
from timebank.shop import cash_models as cash
from timebank.shop import models as shop
from timebank.shop import price_models as prices
from timebank.shop import sale_models as sales
from timebank.shop import stock_models as stock

__all__ = [
    "Base",
    "audit",
    "cash",
    "corrections",
    "duty",
    "households",
    "insight",
    "messages",
    "offline",
    "people",
    "prices",
    "qualifications",
    "rewards",
    "sales",
    "service",
    "shop",
    "stock",
    "webhooks",
]

GLOBAL_TABLES: dict[str, str] = {
    "street": "stands above communities",
    "book": "is a book without a community; its name is unique in the system",
    "community": "is the community; certificate numbers begin with its code, unique in the system",
    "person": "one sign-in serves a member row in each community",
    "sign_in_throttle": "a sign-in is tried before a community is known",
}
"""Tables that are not inside one book, each with its reason.

A table inside a book may refer to them.
"""
