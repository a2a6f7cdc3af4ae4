"""One JSON array of rows, read element by element: what is in memory is one row and a chunk of the file."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator

from distill.trajectories.calls import CallError, decoder
from distill.trajectories.rows import FieldError, Row

_CHUNK_BYTES = 1 << 16
_LONGEST_ROW = 1 << 26  # Characters: after so many, what does not end is taken to be broken.
_TAIL = 10  # Characters at the end of a chunk that may be cut off inside of a literal or an escape.
_SPACE = re.compile(r"[ \t\r\n]*")


class _RestLost(FieldError):
    """Where an element ends cannot be told, so nothing after it can be read."""


def array_rows(read: Callable[[int], bytes]) -> Iterator[tuple[int, Row | FieldError]]:
    """The rows of an array that ``read`` gives in chunks, each with the line that it begins on, from 1.

    After an element that is not JSON no other can be told apart, and the rows end with what is wrong. One that is JSON
    but no row (a repeated key, NaN, a number) is passed over.
    """
    cursor = _Cursor(read)
    try:
        yield from _elements(cursor)
    except UnicodeDecodeError as error:
        problem = f"byte {error.object[error.start]:#x} is not UTF-8; save the file as UTF-8"
        yield cursor.line, _RestLost("the file", problem)


def _elements(cursor: _Cursor) -> Iterator[tuple[int, Row | FieldError]]:
    if not cursor.take("["):
        yield cursor.line, _RestLost("the file", "expected a JSON array; write one, or one row a line")
        return
    if not cursor.take("]"):
        while True:
            cursor.peek()
            line, row = cursor.line, cursor.element()
            yield line, row
            if isinstance(row, _RestLost):
                return
            if cursor.take("]"):
                break
            if not cursor.take(","):
                yield cursor.line, _RestLost("the file", "expected a comma or the end of the array; correct it")
                return
    if cursor.peek():
        yield cursor.line, _RestLost("the file", "text follows the array; write one array a file, or one row a line")


class _Cursor:
    """A place in the text of an array, of which only the part that follows is in memory."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read_bytes = read
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._strict, self._lenient = decoder(), json.JSONDecoder()
        self._text, self._at, self._ended = "", 0, False
        self.line = 1

    def peek(self) -> str:
        """The next character that is no white space, empty at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._move_to(space.end() if space else self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._read(_CHUNK_BYTES)

    def take(self, character: str) -> bool:
        """Whether that is the next character; if it is, go past it."""
        found = self.peek() == character
        if found:
            self._move_to(self._at + 1)
        return found

    def element(self) -> Row | FieldError:
        """The element that begins here, going past it."""
        while True:
            found = self._decoded()
            if found is not None:
                return found
            self._read(max(_CHUNK_BYTES, len(self._text) - self._at))

    def _decoded(self) -> Row | FieldError | None:
        """The element; None where more of the file is needed."""
        try:
            value, end = self._strict.raw_decode(self._text, self._at)
        except CallError as error:
            return self._not_strict(error)
        except RecursionError:
            return _RestLost("the row", "it is nested too deeply; correct it, no row after it can be read")
        except json.JSONDecodeError as error:
            return self._cut_or_lost(error)
        self._move_to(end)
        if isinstance(value, dict):
            return value
        return FieldError("the row", "it is no JSON object; write one object a row")

    def _not_strict(self, error: CallError) -> FieldError | None:
        try:
            _, end = self._lenient.raw_decode(self._text, self._at)
        except json.JSONDecodeError as cut:
            return self._cut_or_lost(cut)
        self._move_to(end)
        return FieldError("the row", f"not strict JSON: {error}; correct it")

    def _cut_or_lost(self, error: json.JSONDecodeError) -> FieldError | None:
        is_cut = error.pos >= len(self._text) - _TAIL or error.msg.startswith("Unterminated string")
        if is_cut and not self._ended and len(self._text) - self._at < _LONGEST_ROW:
            return None
        return _RestLost("the row", f"not JSON: {error.msg}; correct it, no row after it can be read")

    def _move_to(self, place: int) -> None:
        self.line += self._text.count("\n", self._at, place)
        self._at = place

    def _read(self, size: int) -> None:
        chunk = self._read_bytes(size)
        self._ended = not chunk
        try:
            text = self._decode(chunk, self._ended)
        except UnicodeDecodeError as error:
            self.line += self._text.count("\n", self._at) + error.object.count(b"\n", 0, error.start)
            raise
        self._text, self._at = self._text[self._at :] + text, 0
