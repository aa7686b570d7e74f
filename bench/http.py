"""W8, W9 and memory: the pages over loopback, as granian serves them.

W8 presses the button of the check-in and F2 at the till, each with its sign-in, CSRF token, audit
and nonce, from 16 client threads, and asks an empty view of the same application in turns. Each
check-in is another volunteer's. W9 counts what the volunteer's home sends. The books are verified.
"""

import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from urllib.parse import urlencode, urljoin

import sqlalchemy as sa

from bench.http_world import Browser, Place, make_place
from bench.measure import Figure, compare, once, publish, take_turns
from bench.processes import serving
from bench.served import EMPTY
from ledger.database import Database
from migrations import run as migrations
from tests.applications import settings_for
from timebank.insight.verification import verify

CLIENTS = 16
PER_CLIENT = 6
EMPTY_PER_CLIENT = 40
MEMORY_REQUESTS = (1_000, 10_000)
HOME_BYTES_MAX = 120_000
HOME_REQUESTS_MAX = 8
GIFT = "bench:"
"""Begins the source of the points that are spent at the till."""
FORM = "application/x-www-form-urlencoded"
LINKED = re.compile(r'<(?:link|script|img)[^>]+(?:href|src)="([^"#]+)"')
STYLED = re.compile(r"url\([\"']?([^)\"']+)")

Request = tuple[str, str, Browser | None, str]
"""Method, path, whose browser, body."""


@dataclass
class Clients:
    """Sixteen connections to the server, and the times of what they asked."""

    port: int
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def rate(self, name: str, work: list[list[Request]], status: int) -> float:
        """Send every list from a thread of its own; return answers per second over all."""
        start = time.perf_counter()
        with ThreadPoolExecutor(len(work)) as pool:
            spent = list(pool.map(lambda requests: self._send(requests, status), work))
        elapsed = time.perf_counter() - start
        self.seconds.setdefault(name, []).extend(second for each in spent for second in each)
        return sum(len(each) for each in work) / elapsed

    def _send(self, requests: list[Request], status: int) -> list[float]:
        connection, spent = HTTPConnection("127.0.0.1", self.port, timeout=60), []
        for method, path, browser, body in requests:
            headers = {"Accept": "text/html", "Accept-Encoding": "br"}
            if browser is not None:
                headers["Cookie"] = browser.cookie
            if body:
                headers["Content-Type"] = FORM
            start = time.perf_counter()
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            answer.read()
            spent.append(time.perf_counter() - start)
            assert answer.status == status, f"{method} {path}: {answer.status}"
        connection.close()
        return spent


def run(rounds: int) -> None:
    """Measure W8, W9 and memory on one server and verify its books."""
    volunteer_count = rounds * CLIENTS * PER_CLIENT
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/book.sqlite3"
        migrations.upgrade(url)
        database = Database(url)
        print(f"  making {volunteer_count} volunteers", flush=True)
        place = make_place(database, settings_for(url, Path(folder)), volunteer_count)
        with serving(place.settings, _command) as (process, port):
            _w8(Clients(port), place, rounds)
            _w9(port, place.volunteers[0])
            _memory(Clients(port), place, process)
        _check(database, volunteer_count)
        database.dispose()


# ---------------------------------------------------------------- the workloads


def _w8(clients: Clients, place: Place, rounds: int) -> None:
    queue = iter(place.volunteers)

    def check_ins() -> float:
        work = [[_check_in(place, next(queue)) for _ in range(PER_CLIENT)] for _ in range(CLIENTS)]
        return clients.rate("check-in", work, 201)

    def redemptions() -> float:
        work = [[_redemption(place, card) for _ in range(PER_CLIENT)] for card in place.cards]
        return clients.rate("redemption", work, 303)

    def empty() -> float:
        requests: list[Request] = [("GET", EMPTY, None, "")] * EMPTY_PER_CLIENT
        return clients.rate("empty view", [requests] * CLIENTS, 200)

    rates = take_turns(
        {"empty view": empty, "check-in": check_ins, "redemption": redemptions}, rounds
    )
    publish(
        "W8",
        "answers per second over loopback, 16 clients, SQLite",
        [
            compare(rates, "check-in", "empty view", ">= 0.25"),
            compare(rates, "redemption", "empty view", ">= 0.25"),
            *(_spread(clients, name, rounds) for name in ("check-in", "redemption")),
        ],
    )


def _spread(clients: Clients, name: str, rounds: int) -> Figure:
    """Return how much slower the slowest of a hundred is than the one in the middle."""
    seconds = clients.seconds[name]
    cuts = quantiles(seconds, n=100, method="inclusive")
    print(f"  {name}: p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms", flush=True)
    ratio = round(cuts[98] / cuts[49], 3)
    return Figure(f"{name} p99", f"{name} p50", ratio, ratio, ratio, rounds, "<= 3")


def _w9(port: int, browser: Browser) -> None:
    """Fetch the home as an empty browser would, with every style, script, font and picture."""
    found, sizes = ["/me/"], {}
    while found:
        path = found.pop(0)
        if path not in sizes and path.startswith("/"):
            text, sizes[path] = _fetch(port, path, browser)
            pattern = STYLED if path.split("?")[0].endswith(".css") else LINKED
            if pattern is STYLED or path == "/me/":
                found += [urljoin(path, link) for link in pattern.findall(text)]
    total = sum(sizes.values())
    for path, size in sizes.items():
        print(f"  {size:7d} bytes  {path}")
    publish(
        "W9",
        f"the volunteer's home: {total} bytes in {len(sizes)} requests, compressed",
        [
            once("bytes", "120 kB", total / HOME_BYTES_MAX),
            once("requests", "8", len(sizes) / HOME_REQUESTS_MAX),
        ],
    )


def _memory(clients: Clients, place: Place, process: "subprocess.Popen[bytes]") -> None:
    """Ask for pages and repeat presses; compare what the server holds."""
    held, sent = {}, 0
    for goal in MEMORY_REQUESTS:
        while sent < goal:
            work = [_mixed(place, number) for number in range(CLIENTS)]
            clients.rate("mixed", work, 200)
            sent += sum(len(each) for each in work)
        held[goal] = _resident_megabytes(process.pid)
        print(f"  {sent} mixed requests: {held[goal]:.0f} MB resident", flush=True)
    first, last = (held[goal] for goal in MEMORY_REQUESTS)
    publish(
        "memory",
        f"resident after {MEMORY_REQUESTS[-1]} mixed requests: {last:.0f} MB",
        [
            once("after 10,000", "after 1,000", last / first, "<= 1.1"),
            once("after 10,000", "150 MB", last / 150),
        ],
    )


# ---------------------------------------------------------------- requests


def _check_in(place: Place, browser: Browser) -> Request:
    return "POST", "/me/check-in", browser, urlencode(place.check_in_fields(browser))


def _redemption(place: Place, card: str) -> Request:
    return "POST", "/till/", place.clerk, urlencode(place.redemption_fields(card))


def _mixed(place: Place, number: int) -> list[Request]:
    browser = place.volunteers[number]
    paths = ("/me/", "/me/statement/time", "/me/statement/points", "/me/shop", "/me/days")
    pages: list[Request] = [("GET", path, browser, "") for path in paths]
    return [*pages, ("GET", "/till/", place.clerk, "")]


def _fetch(port: int, path: str, browser: Browser) -> tuple[str, int]:
    """Return the text of a page and its bytes on the wire without headers."""
    bodies = []
    for encoding in ("identity", "br"):
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Accept-Encoding": encoding, "Cookie": browser.cookie, "Accept": "text/html,*/*"}
        connection.request("GET", path, None, headers)
        answer = connection.getresponse()
        assert answer.status == 200, f"{path}: {answer.status}"
        bodies.append(answer.read())
        connection.close()
    return bodies[0].decode("utf-8", "replace"), len(bodies[1])


# ---------------------------------------------------------------- the server


def _command(port: int) -> list[str]:
    """Serve as `timebank serve` does, one worker and four blocking threads, with the empty view."""
    return [
        *("granian", "--interface", "wsgi", "--factory", "--no-ws"),
        *("--workers", "1", "--blocking-threads", "4", "--log-level", "error"),
        *("--host", "127.0.0.1", "--port", str(port), "bench.served:application"),
    ]


def _resident_megabytes(pid: int) -> float:
    """Return what the server's processes hold in memory, a page that they share counted once."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return sum(_proportional_megabytes(one) for one in [str(pid), *listed])


def _proportional_megabytes(pid: str) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    assert found is not None, "the kernel tells the proportional share"
    return int(found[1]) / 1024


def _check(database: Database, volunteer_count: int) -> None:
    """Fail unless every answer that was given stands in the book, and the book is whole."""
    asked = (
        "SELECT count(*) FROM attendance WHERE state = 'in'",
        "SELECT count(*) FROM scan_event WHERE status = 'ok'",
        "SELECT count(*) FROM redemption",
    )
    with database.reading() as session:
        for query in asked:
            assert session.scalar(sa.text(query)) == volunteer_count, query
        report = verify(session)
    found = [*report.database_findings, *(each for book in report.books for each in book.findings)]
    # The points that each client was given to spend have no paper, and verify says so.
    assert len(found) == CLIENTS, f"the book is not whole: {len(found)} findings"
    unexpected = [each for each in found if GIFT not in each.message]
    assert not unexpected, f"the book is not whole: {unexpected[:3]}"
