from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from tests.rewards.world import NOW, World, make_world
from timebank.actors import Role
from timebank.codes import CodeKeys
from timebank.errors import NotAllowed, NotFound
from timebank.rewards import certificates, errors
from timebank.rewards.commendations import dry_run, issue
from timebank.rewards.models import Certificate, CertificateStatus


@pytest.fixture
def paper(world: World, keys: CodeKeys) -> Certificate:
    """A certificate of one star for Bob."""
    world.serve(world.bob, 6_029)
    basis = dry_run(world.session, world.desk).basis
    (issued,) = issue(world.session, world.desk, keys, member_ids=[world.bob.id], basis=basis)
    return issued


# ---------------------------------------------------------------- revoking


def test_a_certificate_is_revoked_with_a_reason(world: World, paper: Certificate) -> None:
    revoked = certificates.revoke(
        world.session, world.desk, certificate_id=paper.id, reason="  名字   印错 "
    )

    assert (revoked.status, revoked.revoke_reason) == (CertificateStatus.REVOKED, "名字 印错")
    assert (revoked.revoked_at, revoked.revoked_by_id) == (NOW, world.alice.id)


def test_the_second_revocation_is_refused_and_says_when(world: World, paper: Certificate) -> None:
    certificates.revoke(world.session, world.desk, certificate_id=paper.id, reason="one")

    with pytest.raises(errors.AlreadyRevoked) as refused:
        certificates.revoke(world.session, world.desk, certificate_id=paper.id, reason="two")

    assert refused.value.details == {"number": "D2026-000001", "revoked_on": "2026-11-20"}
    assert world.session.get_one(Certificate, (world.id, paper.id)).revoke_reason == "one"


def test_nobody_revokes_their_own(world: World, paper: Certificate) -> None:
    bob = world.actor(world.bob, Role.SOCIAL_WORKER)

    with pytest.raises(errors.OwnCertificate):
        certificates.revoke(world.session, bob, certificate_id=paper.id, reason="mine")


@pytest.mark.parametrize("reason", ["", "   ", "\n\t"])
def test_a_revocation_needs_a_reason(world: World, paper: Certificate, reason: str) -> None:
    with pytest.raises(errors.RevocationReasonMissing):
        certificates.revoke(world.session, world.desk, certificate_id=paper.id, reason=reason)


def test_a_reason_has_a_limit(world: World, paper: Certificate) -> None:
    with pytest.raises(errors.RevocationReasonTooLong):
        certificates.revoke(world.session, world.desk, certificate_id=paper.id, reason="字" * 201)

    fits = certificates.revoke(
        world.session, world.desk, certificate_id=paper.id, reason="字" * 200
    )
    assert fits.status == CertificateStatus.REVOKED


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    "role", [Role.VOLUNTEER, Role.LEADER, Role.CLERK, Role.AUDITOR, Role.ADMINISTRATOR]
)
def test_only_a_social_worker_revokes(world: World, paper: Certificate, role: Role) -> None:
    with pytest.raises(NotAllowed):
        certificates.revoke(
            world.session,
            world.actor(world.charlie, role),
            certificate_id=paper.id,
            reason="because",
        )


def test_another_community_does_not_find_it(
    world: World, paper: Certificate, session: Session
) -> None:
    other = make_world(session, code="A")

    with pytest.raises(NotFound):
        certificates.revoke(session, other.desk, certificate_id=paper.id, reason="because")
    with pytest.raises(NotFound):
        certificates.find_certificate(session, other.desk, certificate_id=paper.id)
    assert certificates.list_certificates(session, other.desk) == []


# ---------------------------------------------------------------- finding


def test_bob_finds_his_own_and_charlie_does_not(world: World, paper: Certificate) -> None:
    bob, charlie = world.actor(world.bob), world.actor(world.charlie)

    assert certificates.find_certificate(world.session, bob, certificate_id=paper.id) is paper
    assert certificates.list_own_certificates(world.session, bob) == [paper]
    assert certificates.list_own_certificates(world.session, charlie) == []
    for actor, wanted in ((charlie, paper.id), (bob, uuid4())):
        with pytest.raises(NotFound):
            certificates.find_certificate(world.session, actor, certificate_id=wanted)


def test_the_register_is_for_the_desk(world: World, paper: Certificate) -> None:
    assert certificates.list_certificates(world.session, world.desk) == [paper]
    with pytest.raises(NotAllowed):
        certificates.list_certificates(world.session, world.actor(world.bob))


# ---------------------------------------------------------------- verifying


def test_a_valid_certificate_shows_its_facts_and_a_masked_name(
    world: World, paper: Certificate, keys: CodeKeys
) -> None:
    found = certificates.verify_code(world.session, keys, code=paper.code)

    assert found.is_valid
    assert (found.number, found.name_masked, found.stars) == ("D2026-000001", "韦*芬", 1)
    assert (found.counted_minutes, found.certified_minutes) == (6_029, 6_000)
    assert (found.issuer_name, found.issued_on.isoformat()) == ("L市D社区居民委员会", "2026-11-20")


def test_any_case_and_blanks_are_read(world: World, paper: Certificate, keys: CodeKeys) -> None:
    for code in (paper.code.lower(), f" {paper.code[:5]} {paper.code[5:]} "):
        assert certificates.verify_code(world.session, keys, code=code).is_valid


def test_one_wrong_character_anywhere_is_unknown(
    world: World, paper: Certificate, keys: CodeKeys
) -> None:
    for place, char in enumerate(paper.code):
        forged = paper.code[:place] + ("7" if char != "7" else "6") + paper.code[place + 1 :]
        with pytest.raises(errors.UnknownCertificate) as refused:
            certificates.verify_code(world.session, keys, code=forged)
        assert refused.value.details == {}


@pytest.mark.parametrize("code", ["", ".", "D2026-000001", "D2026-000009.AAAAAAAAAAAAAAAAA", "\0"])
def test_what_was_never_issued_is_unknown(
    world: World, paper: Certificate, keys: CodeKeys, code: str
) -> None:
    with pytest.raises(errors.UnknownCertificate):
        certificates.verify_code(world.session, keys, code=code)


def test_a_revoked_certificate_keeps_its_facts(
    world: World, paper: Certificate, keys: CodeKeys
) -> None:
    certificates.revoke(world.session, world.desk, certificate_id=paper.id, reason="名字印错")

    found = certificates.verify_code(world.session, keys, code=paper.code)

    assert not found.is_valid
    assert (str(found.revoked_on), found.revoke_reason) == ("2026-11-20", "名字印错")
    assert (found.name_masked, found.certified_minutes) == ("韦*芬", 6_000)


def test_number_and_ending_are_enough_for_those_who_type(world: World, paper: Certificate) -> None:
    ending = paper.code[-4:]

    found = certificates.verify_typed(
        world.session, number=" d2026－000001 ", ending=ending.lower()
    )

    assert found.number == "D2026-000001"
    for wrong in ("", ending[:3], "0000", f"{ending}A"):
        with pytest.raises(errors.UnknownCertificate):
            certificates.verify_typed(world.session, number="D2026-000001", ending=wrong)
