"""Files that people hand in, read line by line: plain or gzip, whatever ends their lines.

Words: a *line* is what stands before a newline, with or without a carriage return, numbered from 1;
the *digest* is the SHA-256 of the unpacked file, so that a file and its gzip are the same file.

Invariants: memory does not grow with the file, however long its lines are; what is not text is a
refused line, and a gzip that breaks off is one too.
"""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple

LINE_BYTES_MAX: Final = 8_192
LINES_PER_ADVANCE: Final = 1_000
_GZIP_MAGIC: Final = b"\x1f\x8b"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

Advance = Callable[[int, int], None]
"""Told how many bytes of the file were read, and how many there are."""


class RefusedLine(NamedTuple):
    """What cannot be taken: where (column may be empty), a stable code and a sentence."""

    line_number: int
    column: str
    code: str
    reason: str


class Line(NamedTuple):
    """A line of text, or why it is none."""

    number: int
    text: str
    refused: RefusedLine | None = None


class FileReading:
    """One reading of a file, from its beginning to its end."""

    def __init__(
        self, path: Path, advance: Advance, *, line_bytes_max: int = LINE_BYTES_MAX
    ) -> None:
        """Prepare to read.

        Args:
            path: plain text or gzip; which of them is seen by its first bytes.
            advance: told now and then how far it is.
            line_bytes_max: a longer line is refused.
        """
        self._line_bytes_max = line_bytes_max
        self._path = path
        self._advance = advance
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> bytes:
        """SHA-256 of what was read, once the last line was given."""
        return self._hash.digest()

    def lines(self) -> Iterator[Line]:
        """Give every line; a damaged gzip ends with a refused line.

        Raises:
            OSError: there is no such file, it is a folder, or it may not be read.
        """
        size = self._path.stat().st_size
        number = 0
        with self._path.open("rb") as raw:
            try:
                for number, line in enumerate(self._raw_lines(raw), 1):
                    yield _read(number, line, self._line_bytes_max)
                    if number % LINES_PER_ADVANCE == 0:
                        self._advance(raw.tell(), size)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                yield _refused(number + 1, "file_damaged", f"The gzip is damaged here: {error}")
        self._advance(size, size)

    def _raw_lines(self, raw: IO[bytes]) -> Iterator[bytes]:
        """Give the lines with their ends; of an overlong one only a beginning that says so."""
        is_gzip = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        unpacked = gzip.GzipFile(fileobj=raw) if is_gzip else raw
        while line := unpacked.readline(self._line_bytes_max + 1):
            self._hash.update(line)
            rest = line
            while len(rest) > self._line_bytes_max and not rest.endswith(b"\n"):
                rest = unpacked.readline(self._line_bytes_max + 1)
                self._hash.update(rest)
            yield line


def _read(number: int, line: bytes, line_bytes_max: int) -> Line:
    if number == 1:
        line = line.removeprefix(_BYTE_ORDER_MARK)
    if len(line) > line_bytes_max:
        reason = f"The line is longer than {line_bytes_max} bytes."
        return _refused(number, "line_too_long", reason)
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return _refused(number, "not_utf8", "The line is not text in UTF-8.")
    if not text.isprintable() and any(
        (character < " " and character != "\t") or character == "\x7f" for character in text
    ):
        return _refused(number, "control_character", "The line holds an invisible character.")
    return Line(number, text)


def _refused(number: int, code: str, reason: str) -> Line:
    return Line(number, "", RefusedLine(number, "", code, reason))
