"""One request to a foreign machine: bounded in time and size, never to a private address.

Words: the *target* is a checked address of the web; the *deadline* is the moment at which the
connection is cut, whatever the other side is doing.

Whoever may register a webhook may make this machine send requests. So the name is resolved here,
every address it has is checked, and the connection is made to a checked address, not to the name a
second time. Nothing leads elsewhere: no redirect is followed, no proxy asked. The plain client of
the standard library is enough for that: what larger ones add is what must not happen here.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, NamedTuple, Self
from urllib.parse import urlsplit

from timebank.insight.errors import AddressInvalid, AddressPrivate
from timebank.insight.webhook_models import ANSWER_LENGTH_MAX, URL_LENGTH_MAX, Failure

TIMEOUT_SECONDS: Final = 10.0
ADDRESSES_TRIED_MAX: Final = 4
ANSWER_BYTES_MAX: Final = 2_000
PORTS: Final = {"http": 80, "https": 443}
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Target(NamedTuple):
    """Where to send; `path` includes the query, `netloc` is the host as it is to be named."""

    scheme: str
    host: str
    port: int
    netloc: str
    path: str


class Answer(NamedTuple):
    """What came back: a status and the beginning of the text, or why there is none."""

    status_code: int | None
    failure: Failure | None
    text: str = ""


class _Failed(Exception):
    """A try ended before there was a status."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure)


def read_target(url: str, *, is_private_allowed: bool) -> Target:
    """Return the parts of an address.

    Args:
        url: as typed.
        is_private_allowed: whether an address within one's own network is one to send to; a name
            is not looked up here.

    Raises:
        AddressInvalid: not http(s)://HOST[:PORT][/PATH] in plain characters
            (`webhook_address_invalid`).
        AddressPrivate: the host is a number within a private network (`webhook_address_private`).
    """
    if not (url.isascii() and url.isprintable() and " " not in url and len(url) <= URL_LENGTH_MAX):
        raise AddressInvalid
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:  # half an IPv6 address, or a port that is no number
        raise AddressInvalid from None
    is_whole = parts.scheme in PORTS and bool(host) and port != 0
    if not is_whole or "@" in parts.netloc or "\\" in url or parts.fragment:
        raise AddressInvalid
    assert host is not None, "checked above"
    with suppress(ValueError):  # a name, checked when it is resolved
        if not (is_private_allowed or _is_public(ipaddress.ip_address(host))):
            raise AddressPrivate(host=host)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or PORTS[parts.scheme], parts.netloc, path)


def send(
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    *,
    is_private_allowed: bool,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Answer:
    """Send one POST and return the answer; failures of the network are answers too.

    Args:
        target: as `read_target` gave it.
        body: what to send.
        headers: besides those that every request has.
        is_private_allowed: as of `read_target`, for every address that the name stands for.
        timeout_seconds: for everything after the look-up of the name, which has its own.
    """
    try:
        addresses = _resolve(target, is_private_allowed=is_private_allowed)
    except _Failed as failed:
        return Answer(None, failed.failure)
    with _Deadline(timeout_seconds) as deadline:
        try:
            with _connect(target, addresses, deadline) as connection:
                return _exchange(target, connection, deadline, body, headers)
        except _Failed as failed:
            failure = failed.failure
        except TimeoutError:
            failure = Failure.TIMED_OUT
        except (ssl.SSLError, http.client.HTTPException, ValueError):
            failure = Failure.BROKEN
        except OSError:
            failure = Failure.NO_CONNECTION
        return Answer(None, Failure.TIMED_OUT if deadline.has_passed else failure)


def _resolve(target: Target, *, is_private_allowed: bool) -> list[str]:
    """Return the addresses of a name, all of them fit to be connected to.

    Raises:
        _Failed: nobody knows the name, or one of its addresses is not public.
    """
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # the latter: a name too long to look up
        raise _Failed(Failure.UNKNOWN_HOST) from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not is_private_allowed and not all(
        _is_public(ipaddress.ip_address(address)) for address in addresses
    ):
        raise _Failed(Failure.PRIVATE_ADDRESS)
    return addresses[:ADDRESSES_TRIED_MAX]


def _is_public(address: _IpAddress) -> bool:
    """Return whether an address, and any that is wrapped in it, is one of the public network."""
    wrapped = _wrapped(address) if isinstance(address, ipaddress.IPv6Address) else None
    is_global = address.is_global and not address.is_multicast
    return _is_public(wrapped) if wrapped is not None else is_global


def _wrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that a translator or tunnel would lead to."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    tunnelled = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or tunnelled


def _connect(target: Target, addresses: list[str], deadline: "_Deadline") -> socket.socket:
    """Return a connection to the first address that takes one, with TLS where the target says so.

    Raises:
        OSError: none took one, or TLS did not come about.
    """
    seconds = deadline.seconds / len(addresses)
    for position, address in enumerate(addresses, start=1):
        try:
            plain = socket.create_connection((address, target.port), timeout=seconds)
            break
        except OSError:
            if position == len(addresses):
                raise
    plain.settimeout(deadline.seconds)
    deadline.watch(plain)
    if target.scheme == "http":
        return plain
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=target.host)
    except (OSError, ValueError):  # the latter for a name that no certificate can carry
        plain.close()
        raise


def _exchange(
    target: Target,
    connection: socket.socket,
    deadline: "_Deadline",
    body: bytes,
    headers: Mapping[str, str],
) -> Answer:
    """Send the request, read the head of the answer and the beginning of its text.

    Raises:
        OSError: the connection broke, or was cut in time.
        http.client.HTTPException: what came is no answer.
    """
    client = http.client.HTTPConnection(target.host, target.port)
    client.sock = connection
    try:
        fixed = {"Host": target.netloc, "Accept-Encoding": "identity", "Connection": "close"}
        client.request("POST", target.path, body, {**fixed, **headers})
        with client.getresponse() as response:
            if deadline.has_passed:  # a head that was cut off looks like a whole one
                raise TimeoutError
            return Answer(response.status, _judged(response.status), _beginning(response))
    finally:
        client.close()


def _judged(status_code: int) -> Failure | None:
    if status_code // 100 == 2:
        return None
    return Failure.REDIRECTED if status_code // 100 == 3 else Failure.REFUSED


def _beginning(response: http.client.HTTPResponse) -> str:
    """Return what the first read gives; the status counts, whatever becomes of the text."""
    raw = b""
    with suppress(OSError, http.client.HTTPException, ValueError):
        raw = response.read1(ANSWER_BYTES_MAX)
    text = raw[:ANSWER_BYTES_MAX].decode("utf-8", "replace")
    return "".join(char for char in text if char.isprintable())[:ANSWER_LENGTH_MAX]


@dataclass
class _Deadline:
    """Cuts a connection when its time is over.

    A time limit of a socket starts anew with every byte, so a slow sender would never meet it.
    """

    seconds: float
    has_passed: bool = False
    _twin: socket.socket | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _timer: threading.Timer = field(init=False)

    def __post_init__(self) -> None:
        self._timer = threading.Timer(self.seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        with self._lock:
            if self._twin is not None:
                self._twin.close()
                self._twin = None

    def watch(self, connection: socket.socket) -> None:
        """Cut this connection in time; a twin is kept, since TLS takes the socket over."""
        with self._lock:
            self._twin = connection.dup()
            is_late = self.has_passed
        if is_late:
            raise TimeoutError

    def _cut(self) -> None:
        with self._lock:
            self.has_passed = True
            if self._twin is not None:
                with suppress(OSError):  # the other side was faster
                    self._twin.shutdown(socket.SHUT_RDWR)
