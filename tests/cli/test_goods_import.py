"""`timebank import goods`: what it says, and that a second run is harmless."""

import csv
from pathlib import Path

from tests.cli.test_imports import Run, run
from tests.shop.sample_goods import sample_goods

__all__ = ["run"]


def test_goods_are_imported_once_and_the_book_is_whole(run: Run, tmp_path: Path) -> None:
    assert run("community", "add", "D", "D社区").exit_code == 0
    path = tmp_path / "goods.csv"
    path.write_bytes(sample_goods(12))

    first, second = (run("import", "goods", path) for _ in range(2))
    path.write_bytes(sample_goods(14))
    third = run("import", "goods", path)

    said = [done.stdout for done in (first, second, third)]
    assert said == [
        "0 already there, 12 new.\n",
        "12 already there, 0 new.\n",
        "12 already there, 2 new.\n",
    ]
    assert run("verify", "--full").exit_code == 0


def test_refused_rows_stand_in_the_report(run: Run, tmp_path: Path) -> None:
    assert run("community", "add", "D", "D社区").exit_code == 0
    path, report = tmp_path / "goods.csv", tmp_path / "report.csv"
    path.write_text("key,name,pieces\n1,毛线帽,1.5\n,围巾,1\n", encoding="utf-8")

    done = run("import", "goods", path, "--report", report)

    assert done.exit_code == 1
    assert "line 2, pieces: number_invalid" in done.stderr
    with report.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert [row[:3] for row in rows] == [
        ["2", "pieces", "number_invalid"],
        ["3", "key", "key_missing"],
    ]
    assert "nothing was imported" in done.stderr
