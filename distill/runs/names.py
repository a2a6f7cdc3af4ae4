"""Resource names of runs, ``runs/{run}``, and the page tokens of their list."""

from __future__ import annotations

import base64
import binascii

from spiritsafe.errors import InvalidArgument, Violation
from spiritsafe.rpc.names import check_id

_PREFIX = "runs/"


def run_name(run_id: str) -> str:
    """The resource name. Raises InvalidArgument when the id is malformed."""
    return _PREFIX + check_id(run_id, "run_id")


def run_id(name: str) -> str:
    """The id in a resource name. Raises InvalidArgument."""
    if not name.startswith(_PREFIX):
        description = f"{name!r} is not of the form runs/RUN"
        raise InvalidArgument(description, reason="INVALID_NAME", violations=(Violation("name", description),))
    return check_id(name.removeprefix(_PREFIX), "name")


def page_token(number: int) -> str:
    """An opaque token for the page after the run of this number."""
    return base64.urlsafe_b64encode(f"run:{number}".encode()).decode()


def page_start(token: str) -> int | None:
    """The number in a token; None for the first page. Raises InvalidArgument."""
    if not token:
        return None
    try:
        kind, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        if kind == "run" and number.isascii() and number.isdigit():
            return int(number)
    except (binascii.Error, UnicodeError):
        pass
    raise InvalidArgument(
        "the page token is not one of ours",
        reason="INVALID_PAGE_TOKEN",
        remedy="start again without a token",
        violations=(Violation("page_token", "not one of ours"),),
    )
