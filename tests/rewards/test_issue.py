import hashlib
import json
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.database import Database
from tests.rewards.world import NOW, World, make_world
from timebank.actors import Actor, Role
from timebank.codes import CodeKeys, certificate_is_ours
from timebank.contributions import Category
from timebank.errors import NotAllowed, NotFound
from timebank.people.models import Member
from timebank.rewards import errors, papers, register
from timebank.rewards.commendations import NOTES_LENGTH_MAX, dry_run, issue
from timebank.rewards.models import (
    Certificate,
    CertificateRegister,
    CertificateStatus,
    Commendation,
)


def give(
    world: World, keys: CodeKeys, *people: Member | UUID, notes: str = ""
) -> list[Certificate]:
    run = dry_run(world.session, world.desk)
    ids = [person.id if isinstance(person, Member) else person for person in people]
    return issue(world.session, world.desk, keys, member_ids=ids, basis=run.basis, notes=notes)


def last_number(session: Session, world: World) -> int:
    row = session.get(CertificateRegister, (world.id, 2026), populate_existing=True)
    return row.last_number if row else 0


def test_issuing_freezes_the_evidence_and_numbers_the_paper(world: World, keys: CodeKeys) -> None:
    last = [world.serve(world.bob, 3_000, on=date(2026, 3, day)) for day in (9, 10)][-1]
    run = dry_run(world.session, world.desk)

    (certificate,) = give(world, keys, world.bob)

    commendation = world.session.get_one(Commendation, (world.id, certificate.commendation_id))
    assert (certificate.printed_number, certificate.status) == (
        "D2026-000001",
        CertificateStatus.VALID,
    )
    assert (commendation.stars, commendation.counted_minutes) == (1, 6_000)
    assert (commendation.period_from, commendation.period_to) == (
        date(2026, 3, 9),
        date(2026, 11, 20),
    )
    assert commendation.evidence["transaction_count"] == 2
    assert commendation.evidence["last_transaction_id"] == last.hex
    assert commendation.evidence["run_digest"] == run.evidence.digest


def test_the_paper_has_four_parts(world: World, keys: CodeKeys) -> None:
    world.serve(world.bob, 4_000, title="夜间巡逻", category=Category.SAFETY)
    world.serve(world.bob, 1_000, title="街巷巡查")
    world.serve(world.bob, 1_410, title="垃圾分类")
    world.bob.document_kind, world.bob.document_number_masked = "居民身份证", "450***********002X"

    (certificate,) = give(world, keys, world.bob, notes=" 公示  无异议 ")

    content = certificate.content
    assert content["person"] == {
        "name": "韦桂芬",
        "volunteer_number": "V0002",
        "document_kind": "居民身份证",
        "document_number_masked": "450***********002X",
    }
    service = content["service"]
    assert (service["counted_minutes"], service["certified_minutes"]) == (6_410, 6_390)
    assert (service["stars"], service["threshold_minutes"]) == (1, 6_000)
    assert service["kinds"] == [
        {"category": "safety", "minutes": 4_000, "titles": ["夜间巡逻"]},
        {"category": "environment", "minutes": 2_410, "titles": ["垃圾分类", "街巷巡查"]},
    ]
    assert content["issuer"] == {
        "name": "L市D社区居民委员会",
        "contact": "0770-555 0109",
        "responsible": "农世安",
        "handler": "蒙小燕",
    }
    registration = content["registration"]
    assert (registration["number"], registration["issued_on"], registration["notes"]) == (
        "D2026-000001",
        "2026-11-20",
        "公示 无异议",
    )


def test_the_hash_is_over_the_canonical_bytes_and_survives_the_database(
    world: World, keys: CodeKeys
) -> None:
    world.serve(world.bob, 6_000)
    (certificate,) = give(world, keys, world.bob)
    world.session.expire_all()

    stored = world.session.get_one(Certificate, (world.id, certificate.id))

    canonical = json.dumps(
        stored.content, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    assert stored.content_hash == hashlib.sha256(canonical.encode()).digest()
    assert stored.content_hash == papers.content_hash(stored.content)


def test_the_signature_is_ours_for_this_number_only(world: World, keys: CodeKeys) -> None:
    world.serve(world.bob, 6_000)
    (certificate,) = give(world, keys, world.bob)

    number, _, signature = certificate.code.partition(".")

    assert certificate_is_ours(keys, world.id, number, signature)
    assert not certificate_is_ours(keys, world.id, "D2026-000002", signature)


def test_numbers_follow_the_volunteer_numbers_and_never_leave_a_gap(
    world: World, keys: CodeKeys
) -> None:
    people = [world.bob, world.charlie, world.add("第四"), world.add("第五")]
    for person in people:
        world.serve(person, 6_000)

    first = give(world, keys, people[3], people[1], people[2])
    second = give(world, keys, people[0])

    assert [paper.number for paper in (*first, *second)] == [1, 2, 3, 4]
    assert [paper.member_id for paper in first] == [person.id for person in people[1:]]


def test_each_year_and_each_community_counts_from_one(
    world: World, keys: CodeKeys, session: Session
) -> None:
    other = make_world(session, code="A")
    for place in (world, other):
        place.serve(place.bob, 6_000)
        place.serve(place.charlie, 6_000)
    numbers = [give(place, keys, place.bob)[0].printed_number for place in (world, other)]

    # Half past four in the afternoon of 31 December in London is the new year in China.
    with clock.at(datetime(2026, 12, 31, 16, 30, tzinfo=UTC)):
        numbers.append(give(world, keys, world.charlie)[0].printed_number)

    assert numbers == ["D2026-000001", "A2026-000001", "D2027-000001"]


def test_nobody_commends_themselves(world: World, keys: CodeKeys) -> None:
    world.serve(world.alice, 6_000)

    with pytest.raises(errors.OwnCommendation):
        give(world, keys, world.alice)


def test_a_colleague_commends_the_social_worker(world: World, keys: CodeKeys) -> None:
    world.serve(world.alice, 6_000)
    colleague = world.actor(world.charlie, Role.SOCIAL_WORKER)
    run = dry_run(world.session, colleague)

    (certificate,) = issue(
        world.session, colleague, keys, member_ids=[world.alice.id], basis=run.basis
    )

    assert certificate.member_id == world.alice.id
    assert certificate.content["issuer"]["handler"] == "农玉"


def test_one_who_is_not_on_the_list_stops_everybody_and_leaves_no_gap(
    world: World, keys: CodeKeys
) -> None:
    world.serve(world.bob, 6_000)
    world.serve(world.charlie, 5_999)

    with pytest.raises(errors.NotEligible) as refused:
        give(world, keys, world.bob, world.charlie)

    assert refused.value.details == {"volunteer_number": "V0003", "reason": "short"}
    assert last_number(world.session, world) == 0
    assert give(world, keys, world.bob)[0].number == 1


def test_nothing_is_issued_when_the_book_has_moved(world: World, keys: CodeKeys) -> None:
    world.serve(world.bob, 6_000)
    seen = dry_run(world.session, world.desk).basis
    world.serve(world.charlie, 1)

    with pytest.raises(errors.EvidenceChanged):
        issue(world.session, world.desk, keys, member_ids=[world.bob.id], basis=seen)

    assert world.session.scalars(sa.select(Commendation)).all() == []


def test_a_second_press_of_the_button_gives_nothing_twice(world: World, keys: CodeKeys) -> None:
    world.serve(world.bob, 6_000)
    basis = dry_run(world.session, world.desk).basis
    issue(world.session, world.desk, keys, member_ids=[world.bob.id], basis=basis)

    with pytest.raises(errors.NotEligible) as refused:
        issue(world.session, world.desk, keys, member_ids=[world.bob.id], basis=basis)

    assert refused.value.details["reason"] == "already_given"
    assert last_number(world.session, world) == 1


def test_the_same_person_ticked_twice_gets_one(world: World, keys: CodeKeys) -> None:
    world.serve(world.bob, 6_000)

    assert len(give(world, keys, world.bob, world.bob)) == 1


def test_nobody_unknown_or_of_another_community(
    world: World, keys: CodeKeys, session: Session
) -> None:
    other = make_world(session, code="A")

    for stranger in (uuid4(), other.bob.id):
        with pytest.raises(NotFound):
            give(world, keys, stranger)
    with pytest.raises(errors.NobodyChosen):
        give(world, keys)


def test_notes_have_a_limit(world: World, keys: CodeKeys) -> None:
    world.serve(world.bob, 6_000)

    with pytest.raises(errors.NotesTooLong):
        give(world, keys, world.bob, notes="字" * (NOTES_LENGTH_MAX + 1))
    assert len(give(world, keys, world.bob, notes="字" * NOTES_LENGTH_MAX)) == 1


def test_at_most_five_hundred_at_once(world: World, keys: CodeKeys) -> None:
    with pytest.raises(errors.TooManyChosen):
        give(world, keys, *(uuid4() for _ in range(501)))


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    "role", [Role.VOLUNTEER, Role.LEADER, Role.CLERK, Role.AUDITOR, Role.ADMINISTRATOR]
)
def test_only_a_social_worker_issues(world: World, keys: CodeKeys, role: Role) -> None:
    world.serve(world.bob, 6_000)
    basis = dry_run(world.session, world.desk).basis
    actor = world.actor(world.charlie, role)

    with pytest.raises(NotAllowed):
        issue(world.session, actor, keys, member_ids=[world.bob.id], basis=basis)


def test_the_system_issues_without_a_handler(world: World, keys: CodeKeys) -> None:
    world.serve(world.bob, 6_000)
    system = Actor.system(world.id, "demo")
    basis = dry_run(world.session, system).basis

    (certificate,) = issue(world.session, system, keys, member_ids=[world.bob.id], basis=basis)

    assert (certificate.issued_by_id, certificate.content["issuer"]["handler"]) == (None, "")


def test_statements_do_not_grow_with_the_number_issued(world: World, keys: CodeKeys) -> None:
    people = [world.add(f"志愿者{number}") for number in range(9)]
    for person in people:
        world.serve(person, 6_000)

    def statements(*chosen: Member) -> int:
        seen: list[str] = []

        def note(_c: object, _u: object, statement: str, *_: object) -> None:
            seen.append(statement)

        engine = world.session.get_bind()
        sa.event.listen(engine, "before_cursor_execute", note)
        give(world, keys, *chosen)
        sa.event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    assert statements(people[0]) == statements(*people[1:])


def test_a_failed_transaction_gives_its_numbers_back(database: Database, keys: CodeKeys) -> None:
    with database.begin() as session:
        world = make_world(session)
        world.serve(world.bob, 6_000)
        world.serve(world.charlie, 6_000)
    tried = []

    def fail_after_issuing() -> None:
        with database.begin() as world.session:
            tried.extend(give(world, keys, world.bob))
            raise errors.NobodyChosen

    with pytest.raises(errors.NobodyChosen):
        fail_after_issuing()
    with database.begin() as world.session:
        again = give(world, keys, world.charlie)

    assert [paper.number for paper in (*tried, *again)] == [1, 1]


@pytest.mark.parametrize(
    "text",
    ["", "D2026-00013", "D2026-0001370000", "2026-000137", "DDDDD2026-000137", "D2026/000137"],
)
def test_what_is_not_a_number_is_not_read_as_one(text: str) -> None:
    assert register.read_printed_number(text) is None


@pytest.mark.parametrize("text", ["D2026-000137", "A12026-000001", "12342026-000001"])
def test_a_printed_number_reads_back(text: str) -> None:
    parts = register.read_printed_number(text)

    assert parts is not None
    assert register.printed_number(parts.community_code, parts.year, parts.number) == text


def test_the_register_is_written_at_the_moment_of_the_issue(world: World, keys: CodeKeys) -> None:
    world.serve(world.bob, 6_000)

    (certificate,) = give(world, keys, world.bob)

    assert certificate.issued_at == NOW
