"""The one place where errors become exit codes and messages."""

from __future__ import annotations

import json
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from spiritsafe import errors
from spiritsafe.errors import SpiritsafeError

DONE = 0
FAILED = 1
USAGE = 2
DENIED = 3
NOT_FOUND = 4
UNAVAILABLE = 5

_CODES: tuple[tuple[type[SpiritsafeError], int], ...] = (
    (errors.InvalidArgument, USAGE),
    (errors.PolicyDenied, DENIED),
    (errors.PermissionDenied, DENIED),
    (errors.Unauthenticated, DENIED),
    (errors.NotFound, NOT_FOUND),
    (errors.Unavailable, UNAVAILABLE),
    (errors.DeadlineExceeded, UNAVAILABLE),
)


def code_of(error: Exception) -> int:
    """The exit code of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)


def report(error: Exception, *, as_json: bool) -> int:
    """Prints an error on stderr and gives its exit code. Raises again what is neither ours nor typer's."""
    if isinstance(error, SpiritsafeError):
        _print(_data(error), as_json)
        return code_of(error)
    if isinstance(error, typer.TyperException):
        _print({"code": "USAGE", "reason": "USAGE", "message": error.format_message()}, as_json)
        return error.exit_code
    raise error


def _data(error: SpiritsafeError) -> dict[str, Any]:
    data: dict[str, Any] = {"code": error.code, "reason": error.reason, "message": error.message}
    if error.remedy:
        data["remedy"] = error.remedy
    if error.metadata:
        data["metadata"] = error.metadata
    if error.violations:
        data["violations"] = [{"field": one.field, "description": one.description} for one in error.violations]
    return data


def _print(data: dict[str, Any], as_json: bool) -> None:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    if as_json:
        console.print(json.dumps({"error": data}), markup=False)
        return
    console.print(f"[bold red]Error:[/] {escape(data['message'])} [dim]({escape(data['reason'])})[/]")
    for violation in data.get("violations", []):
        if violation["description"] not in data["message"]:
            console.print(f"  {escape(violation['field'])}: {escape(violation['description'])}")
    if "remedy" in data:
        console.print(f"[bold]What to do:[/] {escape(data['remedy'])}")
