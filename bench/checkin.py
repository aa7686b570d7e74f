"""The morning of the 9th: 2,000 people check in within ten minutes at 20 sites, by real HTTP.

`timebank serve` runs as it is shipped. Every site has its leader's tablet, which fetches the code
and the list as the page's script does; the code is read out of the picture. A volunteer opens the
scanned address, reads, presses the button; walk-ins ask to join, cards are scanned by the leader.
A third of them come in the last fifth of the time. Then the leaders confirm their lists, every row
is compared with what was expected, and `timebank verify --full` looks at the book.

A figure is the slowest of a hundred requests against one second. Clients share the cores.
"""

import os
import random
import re
import resource
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from urllib.parse import urlencode, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import zxingcpp
from PIL import Image, ImageDraw

from bench.checkin_world import Morning, Person, Way, make_morning
from bench.http_world import COOKIE
from bench.measure import Figure, once, publish
from bench.processes import serving, timebank
from ledger import clock
from ledger.database import Database
from migrations import run as migrations
from tests.applications import settings_for
from tests.servers import APPLICATION, postgresql
from timebank.contributions import Provenance
from timebank.service.models import Attendance, AttendanceState, ScanEvent

MINUTES = 10.0
RUSH_PART = 1 / 3
"""So many come in the last fifth of the time."""
RUSH_TIME = 1 / 5
READING_SECONDS = (1.0, 4.0)
"""Between the page and the button."""
P99_SECONDS_MAX = 1.0
CLIENTS_MAX = 400
FORM = "application/x-www-form-urlencoded"
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
MARKED = re.compile(r'name="mark-([0-9a-f]{32})"')
RUN = re.compile(r"M(\d+) (\d+)h(\d+)v1")
SIDE = re.compile(r'viewBox="0 0 (\d+)')
SECONDS = re.compile(r'data-seconds="(\d+)"')
PERIOD = re.compile(r'data-refresh-seconds="(\d+)"')
MODULE_PIXELS = 4

Found = tuple[AttendanceState, bool, Provenance | None]
EXPECTED: dict[Way, Found] = {
    Way.PHONE: (AttendanceState.IN, False, Provenance.SELF_SCANNED),
    Way.WALK_IN: (AttendanceState.IN, True, Provenance.SELF_SCANNED),
    Way.CARD: (AttendanceState.IN, False, Provenance.LEADER_SCANNED),
}
"""State, whether the leader still has to agree, and how it came about."""


@dataclass
class Log:
    """What was asked, how long each answer took, and what came back."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, what: str, seconds: float, status: int) -> None:
        """Keep one answer."""
        with self.lock:
            self.seconds.setdefault(what, []).append(seconds)
            self.answers[what, status] += 1


@dataclass
class Client:
    """One phone or tablet: a connection and the cookie of its session."""

    port: int
    log: Log
    cookie: str

    def ask(self, what: str, path: str, fields: dict[str, str] | None = None) -> str:
        """Send one request and keep how long it took; return the page."""
        body = None if fields is None else urlencode(fields)
        headers = {"Cookie": self.cookie, "Accept": "text/html"}
        if body is not None:
            headers["Content-Type"] = FORM
        start = time.perf_counter()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        self.log.add(what, time.perf_counter() - start, answer.status)
        for header, value in answer.getheaders():
            if header == "Set-Cookie" and value.startswith(f"{COOKIE}="):
                self.cookie = value.split(";")[0]
        connection.close()
        return text


@dataclass
class Board:
    """A leader's tablet: fetches code and list until it is told to stop."""

    client: Client
    occasion_id: UUID
    path: str = ""

    def refresh_code(self) -> float:
        """Read the code of this half minute; return for how many seconds it stands."""
        part = self.client.ask("code", f"/lead/{self.occasion_id}/board/code")
        self.path = _scanned(part)
        found = SECONDS.search(part)
        assert found is not None, "the plate says when it is old"
        return max(float(found[1]), 1.0)

    def watch(self, is_over: threading.Event) -> None:
        """Open the board and fetch as its `refresh.js` does."""
        found = PERIOD.search(self.client.ask("board", f"/lead/{self.occasion_id}/board"))
        assert found is not None, "the board says how often"
        period = int(found[1])
        code_at, people_at = time.monotonic(), time.monotonic() + period * random.random()
        while not is_over.wait(max(0.0, min(code_at, people_at) - time.monotonic())):
            if time.monotonic() >= code_at:
                left = self.refresh_code()
                code_at = time.monotonic() + left
            else:
                self.client.ask("list", f"/lead/{self.occasion_id}/board/people")
                people_at = time.monotonic() + period


def run(minutes: float, kinds: tuple[str, ...]) -> None:
    """Play the morning on each kind of database.

    Args:
        minutes: in how many minutes they all come; 10 is the scenario.
        kinds: `sqlite`, `postgresql` or both.
    """
    for kind in kinds:
        with TemporaryDirectory() as folder, _book(kind, Path(folder)) as url:
            _play(kind, url, Path(folder), minutes)


@contextmanager
def _book(kind: str, folder: Path) -> Iterator[str]:
    """Give the address of an empty book, as the application opens it, on a server as shipped."""
    if kind == "sqlite":
        url = f"sqlite:///{folder}/book.sqlite3"
        migrations.upgrade(url)
        yield url
        return
    with postgresql(durable=True) as server:
        name = server.create()
        migrations.upgrade(server.url(name), application_role=APPLICATION)
        yield server.url(name, APPLICATION)


def _play(kind: str, url: str, folder: Path, minutes: float) -> None:
    database = Database(url)
    print(f"  {kind}: making the morning", flush=True)
    morning = make_morning(database, settings_for(url, folder))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    log = Log()
    with serving(morning.settings, lambda _: ["web.cli", "serve"]) as (_process, port):
        late = _come(morning, port, log, minutes)
        wrong = _compare(database, morning)
        scans = _scans(database)
        _confirm(morning, port, log)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    checked = timebank(morning.settings, "verify", "--full")
    posted = _posted(database)
    database.dispose()
    cpu = spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime
    print(f"  scans by answer: {dict(scans)}; rows that differ from what was expected: {wrong}")
    print(f"  lists confirmed: {posted} entries; verify --full ends with {checked.returncode}")
    print("\n".join(f"    {line}" for line in checked.stdout.splitlines()[-12:]))
    print(f"  server: {cpu:.0f} s of processor; late at most {late:.2f} s; load {os.getloadavg()}")
    _report(f"checkin-{kind}", log, minutes)
    unexpected = {key: many for key, many in log.answers.items() if key[1] not in {200, 201, 302}}
    assert not unexpected, f"answers nobody should have had: {unexpected}"
    assert not log.lost, f"lost on the way: {log.lost}"
    assert not wrong, f"rows that are not as expected: {wrong}"
    assert checked.returncode == 0, checked.stdout[-500:]


# ---------------------------------------------------------------- the morning


def _come(morning: Morning, port: int, log: Log, minutes: float) -> float:
    """Let everybody come at their moment; return by how much the latest visit began too late."""
    boards = [
        Board(Client(port, log, site.leader.cookie), site.occasion_id) for site in morning.sites
    ]
    for board in boards:
        board.refresh_code()
    log.seconds.clear()
    moments = _moments(len(morning.people), minutes * 60)
    people = list(morning.people)
    random.Random(9).shuffle(people)
    is_over, late = threading.Event(), 0.0
    visits: list[Future[None]] = []
    print(f"  {len(people)} people in {minutes:g} minutes; load {os.getloadavg()}", flush=True)
    with ThreadPoolExecutor(CLIENTS_MAX) as pool:
        watches = [pool.submit(board.watch, is_over) for board in boards]
        begin = time.monotonic()
        for person, moment in zip(people, moments, strict=True):
            time.sleep(max(0.0, begin + moment - time.monotonic()))
            late = max(late, time.monotonic() - begin - moment)
            visits.append(pool.submit(_visit, person, boards[person.site], log))
        wait(visits)
        is_over.set()
        wait(watches)
    for each in [*visits, *watches]:
        if (error := each.exception()) is not None:
            log.lost[repr(error)] += 1
    return late


def _moments(people_count: int, seconds: float) -> list[float]:
    """Return when they come: evenly at random, and a third of them in the last fifth."""
    chance = random.Random(2026)
    rush = round(people_count * RUSH_PART)
    calm_end = seconds * (1 - RUSH_TIME)
    early = [chance.uniform(0, calm_end) for _ in range(people_count - rush)]
    return sorted(early + [chance.uniform(calm_end, seconds) for _ in range(rush)])


def _visit(person: Person, board: Board, log: Log) -> None:
    if person.way is Way.CARD:
        _scan_card(person, board, log)
        return
    phone = Client(board.client.port, log, person.browser.cookie)
    page = phone.ask("page", board.path)
    time.sleep(random.uniform(*READING_SECONDS))
    fields = dict(HIDDEN.findall(page[page.index('action="/me/check-in"') :]))
    phone.ask("button", "/me/check-in", {**fields, "intent": "in"})


def _scan_card(person: Person, board: Board, log: Log) -> None:
    """Scan a card at a tablet, which then shows its board again."""
    tablet = Client(board.client.port, log, board.client.cookie)
    path = f"/lead/{board.occasion_id}"
    page = tablet.ask("board", f"{path}/board")
    fields = {
        "csrf_token": dict(HIDDEN.findall(page))["csrf_token"],
        "text": person.digits,
        "nonce": secrets.token_hex(8),
    }
    tablet.ask("card", f"{path}/scan", fields)
    tablet.ask("board", f"{path}/board")


def _scanned(part: str) -> str:
    """Return the path that a phone's camera reads in the picture of the code."""
    side = SIDE.search(part)
    assert side is not None, "the board shows a code"
    picture = Image.new("L", (int(side[1]), int(side[1])), 255)
    draw = ImageDraw.Draw(picture)
    for x, y, length in (map(int, run) for run in RUN.findall(part)):
        draw.line((x, y, x + length - 1, y), 0)
    size = picture.width * MODULE_PIXELS
    large = picture.resize((size, size), Image.Resampling.NEAREST)
    (code,) = zxingcpp.read_barcodes(large)
    return urlsplit(code.text).path


# ---------------------------------------------------------------- what came of it


def _compare(database: Database, morning: Morning) -> dict[str, int]:
    """Return how many rows of each way are not as they should be."""
    with database.reading() as session:
        rows = session.execute(
            sa.select(
                Attendance.member_id,
                Attendance.state,
                Attendance.needs_lead,
                Attendance.provenance,
            )
        ).all()
    found = {row[0]: tuple(row[1:]) for row in rows}
    assert len(found) == len(rows), "one row for each"
    wrong = Counter(
        each.way.value for each in morning.people if found.get(each.member_id) != EXPECTED[each.way]
    )
    return dict(wrong)


def _scans(database: Database) -> Counter[str]:
    with database.reading() as session:
        kept = session.execute(
            sa.select(ScanEvent.status, ScanEvent.reason, sa.func.count()).group_by(
                ScanEvent.status, ScanEvent.reason
            )
        ).all()
    return Counter({f"{status}/{reason or '-'}": many for status, reason, many in kept})


def _posted(database: Database) -> int:
    with database.reading() as session:
        posted = sa.select(sa.func.count()).where(Attendance.state == AttendanceState.POSTED)
        return session.scalar(posted) or 0


def _confirm(morning: Morning, port: int, log: Log) -> None:
    """Let every leader confirm the list: all have left by the minute that has just begun."""
    time.sleep(61 - clock.now().second)
    go = datetime.now(ZoneInfo(morning.zone)).strftime("%H:%M")
    for site in morning.sites:
        tablet = Client(port, log, site.leader.cookie)
        path = f"/lead/{site.occasion_id}/confirm"
        page = tablet.ask("confirm page", path)
        fields = {"csrf_token": dict(HIDDEN.findall(page))["csrf_token"]}
        for key in set(MARKED.findall(page)):
            fields |= {f"mark-{key}": "left_early", f"out-{key}": go, f"accept-{key}": "1"}
        tablet.ask("confirm", path, fields)


def _report(name: str, log: Log, minutes: float) -> None:
    """Print how long each kind of request took, and publish what the goal is about."""
    print(f"  {'':14}{'requests':>9}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}  answers")
    figures: list[Figure] = []
    for what, seconds in sorted(log.seconds.items()):
        cuts = quantiles(seconds, n=100, method="inclusive")
        statuses = {status: n for (each, status), n in sorted(log.answers.items()) if each == what}
        shown = [round(1000 * each) for each in (cuts[49], cuts[98], max(seconds))]
        print(f"  {what:14}{len(seconds):9}" + "".join(f"{each:9}" for each in shown), statuses)
        if what in {"page", "button", "card"}:
            figures.append(once(f"{what} p99", "1 s", cuts[98] / P99_SECONDS_MAX))
    if minutes == MINUTES:
        publish(name, "2,160 people in ten minutes at 20 sites, over loopback", figures)
