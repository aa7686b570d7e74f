"""`timebank import baskets`: what it says, and that a second run is harmless."""

import csv
from pathlib import Path

from tests.cli.test_imports import Run, run
from tests.shop import sample_baskets

__all__ = ["run"]

HEAD = ",".join(sample_baskets.BASKETS)
SOLD = "R1,2026-01-06 09:00,1,,S0001,2,cash,,"
RETURNED = "R1,2026-01-07 09:00,1,,S0001,-1,cash,,有瑕疵"


def _shop(run: Run, tmp_path: Path) -> Path:
    """Make a community with goods; return where its receipts will stand."""
    assert run("community", "add", "D", "D社区").exit_code == 0
    goods = tmp_path / "goods.csv"
    goods.write_text(sample_baskets.goods_file(3), encoding="utf-8")
    assert run("import", "goods", goods).exit_code == 0
    return tmp_path / "baskets.csv"


def test_receipts_are_imported_once_and_the_book_is_whole(run: Run, tmp_path: Path) -> None:
    path = _shop(run, tmp_path)
    path.write_text("\n".join((HEAD, SOLD)), encoding="utf-8")
    first = run("import", "baskets", path)
    path.write_text("\n".join((HEAD, SOLD, RETURNED)), encoding="utf-8")

    longer, again = (run("import", "baskets", path) for _ in range(2))

    assert [done.stdout for done in (first, longer, again)] == [
        "0 already there, 1 new.\n",
        "1 already there, 1 new.\n",
        "2 already there, 0 new.\n",
    ]
    assert run("verify", "--full").exit_code == 0


def test_refused_receipts_stand_in_the_report(run: Run, tmp_path: Path) -> None:
    path, report = _shop(run, tmp_path), tmp_path / "report.csv"
    wrong = "R2,2026-01-06 09:00,1,,S0099,1,cash,,"
    path.write_text("\n".join((HEAD, SOLD, wrong)), encoding="utf-8")

    done = run("import", "baskets", path, "--report", report)

    assert done.exit_code == 1
    assert "line 3, item: item_not_found" in done.stderr
    with report.open(encoding="utf-8", newline="") as file:
        assert [row[:3] for row in list(csv.reader(file))[1:]] == [["3", "item", "item_not_found"]]
