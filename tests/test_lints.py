"""Rules of the house that no other tool checks; a test lists every place that breaks its rule."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
CLOCK = "ledger/clock.py"
PRODUCT = ("ledger/", "timebank/", "web/", "migrations/")
UNFINISHED = re.compile(
    r"\b(?:TOD[O]|FIXM[E]|XX[X]|HAC[K])\b|NotImplementedErro[r]|\.(?:ski|xfai)[pl]\b"
)
BARE_IGNORE = re.compile(r"# ?type: ignore(?!\[)|# ?noqa(?!:)")
MACHINE_TIME = re.compile(r"datetime\.now\(|date\.today\(|time\.time\(|utcnow\(|func\.now\(")
CHANCE = re.compile(r"^\s*(?:import|from) random\b|\buuid[14]\(", re.MULTILINE)
CATCH_ALL = re.compile(r"except\s*(?:Exception|BaseException)?\s*(?:as \w+)?:")
CAN_FAIL = re.compile(r"raises|expect|assert|verify")


def _python(*folders: str) -> Iterator[tuple[str, str]]:
    """Give name and text of every Python file of ours, below some folders where given."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if name.startswith(folders or "") and (ROOT / name).is_file():
            yield name, (ROOT / name).read_text(encoding="utf-8")


def _functions(text: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _places(pattern: re.Pattern[str], *folders: str) -> list[str]:
    return [
        f"{name}: {match.group().strip()}"
        for name, text in _python(*folders)
        for match in pattern.finditer(text)
    ]


def test_files_are_short() -> None:
    long = [name for name, text in _python() if text.count("\n") > FILE_LINES_MAX]

    assert long == []


def test_functions_are_short() -> None:
    long = [
        f"{name}:{node.lineno} {node.name} has {_lines(node)} lines"
        for name, text in _python()
        for node in _functions(text)
        if _lines(node) > FUNCTION_LINES_MAX
    ]

    assert long == []


def test_nothing_is_left_unfinished_or_ignored_without_a_reason() -> None:
    assert _places(UNFINISHED) + _places(BARE_IGNORE) == []


def test_time_and_chance_have_one_source() -> None:
    clocks = [place for place in _places(MACHINE_TIME, *PRODUCT) if not place.startswith(CLOCK)]

    assert clocks == []
    assert _places(CHANCE, *PRODUCT) == []


def test_nothing_catches_everything() -> None:
    assert _places(CATCH_ALL, *PRODUCT) == []


def test_every_test_can_fail() -> None:
    toothless = [
        f"{name}:{node.lineno} {node.name}"
        for name, text in _python("tests/")
        for node in _functions(text)
        if node.name.startswith("test_") and not any(map(_can_fail, ast.walk(node)))
    ]

    assert toothless == []


def _can_fail(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return CAN_FAIL.search(ast.unparse(node.func)) is not None
    return isinstance(node, ast.Assert)
