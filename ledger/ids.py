"""Keys made by the application: UUIDv7 (RFC 9562), ordered by the moment they were made.

Inside one process two ids never run backwards while the clock stands or advances: the 74 random
bits are raised by a random step when the millisecond has not changed.
"""

import secrets
import threading
from uuid import UUID

from ledger import clock

_STEP_BITS = 32
_RANDOM_BITS = 74

_lock = threading.Lock()
_last: tuple[int, int] = (0, 0)


def new_id() -> UUID:
    """Return a fresh UUIDv7 whose 48 leading bits are `clock.now()` in milliseconds."""
    global _last  # one counter per process is what keeps ids of one millisecond in order
    millis = int(clock.now().timestamp() * 1000)
    with _lock:
        last_millis, last_random = _last
        if millis == last_millis:
            random = last_random + 1 + secrets.randbits(_STEP_BITS)
        else:
            random = secrets.randbits(_RANDOM_BITS - 1)
        _last = (millis, random)
    random &= (1 << _RANDOM_BITS) - 1
    high, low = random >> 62, random & ((1 << 62) - 1)
    return UUID(int=millis << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)
