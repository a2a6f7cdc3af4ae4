"""Calls in Python syntax, ``[f(a=1, b="x")]``, read as literals and never evaluated."""

from __future__ import annotations

import ast
import math
import re
import warnings

from distill.trajectories.types import JsonValue, ToolCall

# A bracket, a quoted text with escapes, or a quote that nothing closes.
_PIECE = re.compile(r"""[\[({]|[\])}]|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|["']""", re.DOTALL)
_MAX_DEPTH = 50


class PythonCallError(ValueError):
    """The text opens like a list of Python calls and is none. ``end`` is where the list ends, if it does."""

    def __init__(self, reason: str, end: int | None = None) -> None:
        super().__init__(reason)
        self.end = end


def read_python_calls(text: str, start: int) -> tuple[list[ToolCall], int]:
    """Read the list that opens at ``start``: its calls and the index after its closing bracket.

    Raises:
        PythonCallError: the list does not close, is not Python, or holds more than calls with named literals.
    """
    end = _closing(text, start)
    try:
        return _calls(text[start:end]), end
    except PythonCallError as error:
        raise PythonCallError(str(error), end) from error


def _calls(source: str) -> list[ToolCall]:
    try:
        with warnings.catch_warnings():
            # An unknown escape such as "\d" is only a warning in Python; here it is not guessed at.
            warnings.simplefilter("error", SyntaxWarning)
            warnings.simplefilter("error", DeprecationWarning)
            tree = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError, Warning) as error:
        raise PythonCallError(f"not a Python list of calls: {error}") from error
    if not isinstance(tree, ast.List):
        raise PythonCallError("not a Python list of calls")
    return [_call(node) for node in tree.elts]


def _closing(text: str, start: int) -> int:
    depth = 0
    for piece in _PIECE.finditer(text, start):
        mark = piece[0]
        if mark in ('"', "'"):
            raise PythonCallError("a quoted text is never closed")
        depth += (mark in "[({") - (mark in "])}")
        if depth > _MAX_DEPTH:
            raise PythonCallError(f"brackets are nested more than {_MAX_DEPTH} deep")
        if depth == 0:
            return piece.end()
    raise PythonCallError("the list of calls is never closed; the text was cut off")


def _call(node: ast.expr) -> ToolCall:
    if not isinstance(node, ast.Call):
        raise PythonCallError("the list holds something that is no call")
    if node.args:
        raise PythonCallError("an argument without a name could mean any parameter")
    arguments: dict[str, JsonValue] = {}
    for keyword in node.keywords:
        if keyword.arg is None or keyword.arg in arguments:
            raise PythonCallError("arguments must be named, each once")
        arguments[keyword.arg] = _literal(keyword.value)
    return ToolCall(_dotted(node.func), arguments)


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    raise PythonCallError("a function is called by something other than its name")


def _literal(node: ast.expr) -> JsonValue:
    match node:
        case ast.Constant(value=None | bool() | int() | str() as value):
            return value
        case ast.Constant(value=float() as value) if math.isfinite(value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)) if value is not True:
            return -value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_literal(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return _mapping(keys, values)
    raise PythonCallError("an argument is no literal that JSON has")


def _mapping(keys: list[ast.expr | None], values: list[ast.expr]) -> dict[str, JsonValue]:
    result: dict[str, JsonValue] = {}
    for key, value in zip(keys, values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str) or key.value in result:
            raise PythonCallError("the keys of a mapping must be texts, each once")
        result[key.value] = _literal(value)
    return result
