"""A receiver of webhooks: a real server on a loopback port that behaves as it is told."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser

PIECE_SECONDS = 0.02
Behaviour = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Request:
    """What arrived."""

    first_line: str
    headers: Message
    body: bytes

    @property
    def delivery_id(self) -> str:
        return str(self.headers["Timebank-Delivery"])


@dataclass
class Receiver:
    """A server; it behaves as the first of `script` says, once each, and then answers 200."""

    listener: socket.socket
    tls: ssl.SSLContext | None = None
    script: list[Behaviour] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def url(self) -> str:
        scheme = "https" if self.tls else "http"
        return f"{scheme}://localhost:{self.port}/events?to=us"

    def serve(self) -> None:
        with suppress(OSError):  # the listener was closed: the end
            while True:
                connection, _ = self.listener.accept()
                with suppress(OSError), connection:
                    self._meet(connection)

    def _meet(self, plain: socket.socket) -> None:
        connection = self.tls.wrap_socket(plain, server_side=True) if self.tls else plain
        with connection:
            self.requests.append(_read(connection))
            behave = self.script.pop(0) if self.script else answer(200)
            behave(connection)


def _read(connection: socket.socket) -> Request:
    with connection.makefile("rb") as stream:
        first_line = stream.readline().decode().strip()
        lines = []
        while (line := stream.readline()) not in (b"\r\n", b""):
            lines.append(line)
        headers = BytesParser().parsebytes(b"".join(lines))
        return Request(first_line, headers, stream.read(int(headers["Content-Length"])))


@contextmanager
def receiver(*script: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver for the length of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = Receiver(listener, tls, list(script))
        thread = threading.Thread(target=running.serve)
        thread.start()
        try:
            yield running
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


# ---------------------------------------------------------------- behaviours


def answer(status: int, text: str = "", *headers: str) -> Behaviour:
    """Answer at once."""
    body = text.encode()
    lines = [f"HTTP/1.1 {status} So", f"Content-Length: {len(body)}", *headers, "", ""]
    return lambda connection: connection.sendall("\r\n".join(lines).encode() + body)


def silent(connection: socket.socket) -> None:
    """Say nothing until the other side hangs up."""
    while connection.recv(1):
        pass


def silent_after(event: threading.Event) -> Behaviour:
    """Tell the test that the request is here, then say nothing."""

    def behave(connection: socket.socket) -> None:
        event.set()
        silent(connection)

    return behave


def hung_up(_: socket.socket) -> None:
    """Hang up without an answer."""


def garbage(connection: socket.socket) -> None:
    """Answer in no language."""
    connection.sendall(b"\x00\x01 what?\r\n\r\n")


def dripping(connection: socket.socket) -> None:
    """Send a head that never ends, byte by byte, each long before any time limit of a socket."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    _pour(connection, b"x", pause_seconds=PIECE_SECONDS)


def endless(connection: socket.socket) -> None:
    """Answer 200 with a body that never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    _pour(connection, b"\x00<b>so much " * 10_000, pause_seconds=None)


def _pour(connection: socket.socket, piece: bytes, *, pause_seconds: float | None) -> None:
    """Send a piece again and again until the other side hangs up."""
    while True:
        connection.sendall(piece)
        if pause_seconds is not None:
            connection.settimeout(pause_seconds)
            with suppress(TimeoutError):
                if not connection.recv(1):
                    return


def meanwhile(work: Callable[[], None], then: Behaviour) -> Behaviour:
    """Do something while the sender waits."""

    def behave(connection: socket.socket) -> None:
        work()
        then(connection)

    return behave
