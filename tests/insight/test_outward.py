"""What one request may do, what it costs at most, and where it never goes."""

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.insight.receivers import (
    Behaviour,
    Receiver,
    answer,
    dripping,
    endless,
    garbage,
    hung_up,
    receiver,
    silent,
)
from timebank.insight.errors import AddressInvalid, AddressPrivate
from timebank.insight.outward import Answer, Target, read_target, send
from timebank.insight.webhook_models import ANSWER_LENGTH_MAX, Failure

PATIENCE_SECONDS = 20.0
IMPATIENT_SECONDS = 0.3


def post(url: str, *, seconds: float = PATIENCE_SECONDS, is_private_allowed: bool = True) -> Answer:
    target = read_target(url, is_private_allowed=True)
    return send(
        target,
        b"{}",
        {"Content-Type": "application/json"},
        is_private_allowed=is_private_allowed,
        timeout_seconds=seconds,
    )


def met(*script: Behaviour, seconds: float = PATIENCE_SECONDS) -> Answer:
    with receiver(*script) as running:
        return post(running.url, seconds=seconds)


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.org", Target("https", "a.org", 443, "a.org", "/")),
        ("http://a.org/x/?y=1&z", Target("http", "a.org", 80, "a.org", "/x/?y=1&z")),
        ("http://8.8.8.8:81/", Target("http", "8.8.8.8", 81, "8.8.8.8:81", "/")),
        (
            "https://[2606:4700::1]/",
            Target("https", "2606:4700::1", 443, "[2606:4700::1]", "/"),
        ),
    ],
)
def test_an_address_is_taken_apart(url: str, expected: Target) -> None:
    assert read_target(url, is_private_allowed=False) == expected


@pytest.mark.parametrize(
    "url",
    [
        *("", "a.org", "//a.org", "ftp://a.org", "file:///etc/passwd", "http://", "http:///x"),
        *("http://a.org:0/", "http://a.org:x/", "http://a.org:70000/", "http://[::1", "http://:80"),
        *("http://me@a.org", "http://me:secret@a.org", "http://a.org#x", "http://a.org\\@b.org"),
        *("http://a.org/a b", "http://a.org/\r\nHost: b", "http://社区.cn", "gopher://a.org"),
        "http://a.org/" + "x" * 500,
    ],
)
def test_what_is_no_address_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(AddressInvalid):
        read_target(url, is_private_allowed=True)


PRIVATE = [
    *("127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
    *("100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.1"),
    *("::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
    *("2002:7f00:1::", "2002:a00:1::"),
]


@pytest.mark.parametrize("host", PRIVATE)
def test_a_private_number_is_refused_at_once(host: str) -> None:
    url = f"http://[{host}]/" if ":" in host else f"http://{host}/"

    with pytest.raises(AddressPrivate):
        read_target(url, is_private_allowed=False)
    assert read_target(url, is_private_allowed=True).host == host


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.0.0.1", "017700000001"])
def test_a_name_of_this_machine_is_refused_once_it_is_resolved(host: str) -> None:
    with receiver() as running:
        found = post(f"http://{host}:{running.port}/", is_private_allowed=False)

        assert found == Answer(None, Failure.PRIVATE_ADDRESS)
        assert running.requests == []


@pytest.mark.parametrize("mixed", [("8.8.8.8", "10.0.0.1"), ("10.0.0.1", "8.8.8.8")])
def test_one_private_address_among_public_ones_is_enough(
    mixed: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 80)) for host in mixed]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)

    found = post("http://rebound.example.org/", is_private_allowed=False)

    assert found == Answer(None, Failure.PRIVATE_ADDRESS)


def test_the_name_is_resolved_once_so_it_cannot_change_in_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    resolve = socket.getaddrinfo

    def counting(host: str, *rest: object, **options: object) -> object:
        asked.append(host)
        return resolve(host, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", counting)
    with receiver() as running:
        post(running.url)

    assert asked.count("localhost") == 1
    assert all(ip_address(host).is_loopback for host in asked if host != "localhost")


@pytest.mark.parametrize("name", ["nobody.invalid", "x" * 70 + ".org", "a..b"])
def test_a_name_that_nobody_knows(name: str) -> None:
    assert post(f"http://{name}/") == Answer(None, Failure.UNKNOWN_HOST)


# ---------------------------------------------------------------- answers


def test_the_request_is_what_was_asked_for() -> None:
    with receiver(answer(201, "thank you")) as running:
        found = post(running.url)

        assert found == Answer(201, None, "thank you")
        (request,) = running.requests
        assert request.first_line == "POST /events?to=us HTTP/1.1"
        assert request.headers["Host"] == f"localhost:{running.port}"
        assert request.headers["Content-Type"] == "application/json"
        assert request.body == b"{}"


@pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 503])
def test_any_other_answer_is_a_refusal(status: int) -> None:
    assert met(answer(status, "no")) == Answer(status, Failure.REFUSED, "no")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with receiver() as elsewhere:
        found = met(answer(status, "", f"Location: {elsewhere.url}"))

        assert found == Answer(status, Failure.REDIRECTED)
        assert elsewhere.requests == []


def test_an_endless_answer_is_read_to_its_beginning() -> None:
    found = met(endless)

    assert (found.status_code, found.failure) == (200, None)
    assert found.text.startswith("<b>so much <b>so much")
    assert len(found.text) == ANSWER_LENGTH_MAX


def test_a_silent_receiver_is_given_up() -> None:
    assert met(silent, seconds=IMPATIENT_SECONDS) == Answer(None, Failure.TIMED_OUT)


def test_a_receiver_that_drips_is_given_up_too() -> None:
    assert met(dripping, seconds=IMPATIENT_SECONDS) == Answer(None, Failure.TIMED_OUT)


@pytest.mark.parametrize(
    ("behaviour", "failure"), [(hung_up, Failure.BROKEN), (garbage, Failure.BROKEN)]
)
def test_what_is_no_answer(behaviour: Behaviour, failure: Failure) -> None:
    assert met(behaviour) == Answer(None, failure)


def test_a_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert post(f"http://127.0.0.1:{port}/") == Answer(None, Failure.NO_CONNECTION)


# ---------------------------------------------------------------- TLS


def _certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate that vouches for itself; return it and the context of its server."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context


@pytest.fixture(params=["localhost", "other.example.org"])
def tls_receiver(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Receiver]:
    """A receiver whose certificate is trusted here, with the name of the parameter."""
    path, context = _certificate(tmp_path, request.param)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with receiver(tls=context) as running:
        yield running


@pytest.mark.parametrize("tls_receiver", ["localhost"], indirect=True)
def test_https_is_spoken_to_whom_the_name_belongs(tls_receiver: Receiver) -> None:
    assert post(tls_receiver.url) == Answer(200, None)


@pytest.mark.parametrize("tls_receiver", ["other.example.org"], indirect=True)
def test_a_certificate_of_another_name_is_not_spoken_to(tls_receiver: Receiver) -> None:
    assert post(tls_receiver.url) == Answer(None, Failure.BROKEN)
    assert tls_receiver.requests == []


@pytest.mark.parametrize("tls_receiver", ["localhost"], indirect=True)
def test_a_certificate_that_nobody_vouches_for_is_not_spoken_to(
    tls_receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    assert post(tls_receiver.url) == Answer(None, Failure.BROKEN)


def test_a_silent_handshake_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://localhost:{listener.getsockname()[1]}/"

        assert post(url, seconds=IMPATIENT_SECONDS) == Answer(None, Failure.TIMED_OUT)
