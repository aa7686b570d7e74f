"""The one clock, as the web knows it: the kernel's."""

from ledger.clock import now, today

__all__ = ["now", "today"]
