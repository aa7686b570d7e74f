"""Rules of the house that no other tool checks; a test lists every place that breaks its rule."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
TABLES = "migrations/versions/"
"""A migration lists columns; it has no logic that could be divided."""
CLOCK = "ledger/clock.py"
PRODUCT = ("ledger/", "timebank/", "web/", "migrations/")
UNFINISHED = re.compile(
    r"\b(?:TOD[O]|FIXM[E]|XX[X]|HAC[K])\b|NotImplementedErro[r]|(?:pytest|mark)\.(?:ski|xfai)[pl]\b"
)
BARE_IGNORE = re.compile(r"# ?type: ignore(?!\[)|# ?noqa(?!:)")
MACHINE_TIME = re.compile(r"datetime\.now\(|date\.today\(|time\.time\(|utcnow\(|func\.now\(")
CHANCE = re.compile(r"^\s*(?:import|from) random\b|\buuid[14]\(", re.MULTILINE)
CATCH_ALL = re.compile(r"except\s*(?:Exception|BaseException)?\s*(?:as \w+)?:")
CAN_FAIL = re.compile(r"raises|expect|assert|refus|check")


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
    """Count the lines of a function, its docstring left out."""
    docstring = (ast.get_docstring(node, clean=False) or "").count("\n")
    return (node.end_lineno or node.lineno) - node.lineno + 1 - docstring


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
        if _lines(node) > FUNCTION_LINES_MAX and not name.startswith(TABLES)
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
        for helpers in [_helpers_that_fail(text)]
        for node in _functions(text)
        if node.name.startswith("test_") and not _can_fail(node, helpers)
    ]

    assert toothless == []


def _helpers_that_fail(text: str) -> set[str]:
    return {node.name for node in _functions(text) if _can_fail(node, set())}


def _can_fail(function: ast.AST, helpers: set[str]) -> bool:
    """Tell whether a function asserts, by itself or through a helper of its own file."""
    called = {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
    return (
        any(isinstance(node, ast.Assert) for node in ast.walk(function))
        or any(CAN_FAIL.search(name) for name in called)
        or not called.isdisjoint(helpers)
    )
