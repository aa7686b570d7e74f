"""A proxy of ours between a client and PostgreSQL, which fails at chosen points.

It listens on 127.0.0.1 and passes everything on to the server's unix socket. An armed fault strikes
when the client sends bytes that hold its mark, as often as it is armed for.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from pathlib import Path

_CHUNK = 65_536


class Fault(Enum):
    """Where the line is cut, or what is said on it."""

    CUT_BEFORE_THE_REQUEST = auto()
    CUT_BEFORE_THE_ANSWER = auto()
    CUT_INSIDE_THE_ANSWER = auto()
    WARN_WITH_THE_ANSWER = auto()
    """The answer comes behind WARNING 01000, as after a cancelled wait for a replica."""
    FAIL_INSTEAD = auto()
    """The server hears ROLLBACK; the answer is an error of the armed SQLSTATE."""


CUTS = (Fault.CUT_BEFORE_THE_REQUEST, Fault.CUT_BEFORE_THE_ANSWER, Fault.CUT_INSIDE_THE_ANSWER)


class Proxy:
    """One listening port; `struck_count` says how often the armed fault has struck."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._fault: Fault | None = None
        self._mark, self._left, self._sqlstate = b"", 0, b""
        self._lock = threading.Lock()
        self.struck_count = 0
        self.port: int = self._listener.getsockname()[1]

    def arm(self, fault: Fault, mark: bytes, *, times: int = 1, sqlstate: str = "") -> None:
        with self._lock:
            self._fault, self._mark, self._left = fault, mark, times
            self._sqlstate = sqlstate.encode()
            self.struck_count = 0

    def serve(self) -> None:
        """Accept until the listener is closed."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._target))
            line = _Line(self, client, server)
            for work in (line.upwards, line.downwards):
                threading.Thread(target=work, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def strike(self, data: bytes) -> tuple[Fault | None, bytes]:
        """Return the fault that this request meets, if any, and its SQLSTATE."""
        with self._lock:
            if not self._left or self._mark not in data:
                return None, b""
            self._left -= 1
            self.struck_count += 1
            return self._fault, self._sqlstate


class _Line:
    """One client and its connection to the server."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._next_answer: Fault | None = None
        self._sqlstate = b""

    def upwards(self) -> None:
        with suppress(OSError):
            while data := self._client.recv(_CHUNK):
                fault, sqlstate = self._proxy.strike(data)
                if fault is Fault.CUT_BEFORE_THE_REQUEST:
                    break
                if fault is Fault.FAIL_INSTEAD:
                    data = _ROLLBACK
                self._next_answer, self._sqlstate = fault, sqlstate
                self._server.sendall(data)
        self._cut()

    def downwards(self) -> None:
        with suppress(OSError):
            while data := self._server.recv(_CHUNK):
                fault, self._next_answer = self._next_answer, None
                if fault is Fault.CUT_BEFORE_THE_ANSWER:
                    break
                if fault is Fault.CUT_INSIDE_THE_ANSWER:
                    self._client.sendall(data[: len(data) // 2])
                    break
                if fault is Fault.FAIL_INSTEAD:
                    data = _message(b"E", b"ERROR", self._sqlstate) + _READY
                if fault is Fault.WARN_WITH_THE_ANSWER:
                    data = _message(b"N", b"WARNING", b"01000") + data
                self._client.sendall(data)
        self._cut()

    def _cut(self) -> None:
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def proxy(target: Path) -> Iterator[Proxy]:
    """Run a proxy before a unix socket for the length of the block."""
    running = Proxy(target)
    thread = threading.Thread(target=running.serve)
    thread.start()
    try:
        yield running
    finally:
        running.close()
        thread.join()


_READY = b"Z" + struct.pack(">I", 5) + b"I"
_ROLLBACK = b"Q" + struct.pack(">I", 13) + b"ROLLBACK\0"


def _message(kind: bytes, severity: bytes, sqlstate: bytes) -> bytes:
    """A notice or an error of the wire protocol."""
    fields = b"".join(
        name + value + b"\0"
        for name, value in (
            (b"S", severity),
            (b"V", severity),
            (b"C", sqlstate),
            (b"M", b"by our proxy"),
        )
    )
    return kind + struct.pack(">I", len(fields) + 5) + fields + b"\0"
