"""What a contribution is called: its category and how it came to be known.

These two words stand apart from the areas because a points rule speaks of them before any
attendance exists.
"""

from enum import StrEnum


class Category(StrEnum):
    """Categories of service that communities already report by."""

    ENVIRONMENT = "environment"
    RESIDENT_INFORMATION = "resident_information"
    SAFETY = "safety"
    OUTREACH = "outreach"
    AD_HOC = "ad_hoc"


class Provenance(StrEnum):
    """How a minute came to be known."""

    SELF_SCANNED = "self_scanned"
    LEADER_SCANNED = "leader_scanned"
    BACK_FILLED = "back_filled"
