"""What `serve` says about the rights of its role."""

import pytest

from ledger.database import Database
from timebank.insight import rights


def test_the_role_of_the_application_needs_no_word(database: Database) -> None:
    assert rights.warning(database) is None


@pytest.mark.databases("postgresql")
def test_a_role_that_could_do_more_is_one_line_with_the_way_out(owner_database: Database) -> None:
    line = rights.warning(owner_database)

    assert line is not None
    assert line.startswith("the database role timebank_owner could go round the ledger's door: ")
    assert "it is a superuser; it acts for the owner of ledger_account; and " in line
    assert "`timebank db roles --apply timebank_app`" in line
    assert "\n" not in line
