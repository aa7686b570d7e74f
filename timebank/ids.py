"""Fresh keys, as the web knows them: the kernel's.

A form carries one, so that sending it twice has one effect.
"""

from ledger.ids import new_id

__all__ = ["new_id"]
