"""What the registry refuses, each with a stable reason and the next step.

All are members of the SDK's tree (spiritsafe.errors), so one mapping to google.rpc details serves every service.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spiritsafe.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    SpiritsafeError,
    Violation,
)


def not_found(name: str) -> NotFound:
    return NotFound(
        f"{name} does not exist",
        reason="RESOURCE_NOT_FOUND",
        remedy="check the name; list commands show what exists",
        metadata={"resource": name},
    )


def already_exists(name: str, *, is_deleted: bool = False) -> AlreadyExists:
    return AlreadyExists(
        f"{name} exists already" + (" and is deleted" if is_deleted else ""),
        reason="RESOURCE_EXISTS",
        remedy="choose another id, or " + ("undelete it" if is_deleted else "use the existing one"),
        metadata={"resource": name},
    )


def invalid(field: str, description: str, *, reason: str = "INVALID_FIELD", remedy: str = "") -> InvalidArgument:
    return InvalidArgument(
        f"{field}: {description}", reason=reason, remedy=remedy, violations=(Violation(field, description),)
    )


def wrong_state(name: str, description: str, *, reason: str, remedy: str = "") -> FailedPrecondition:
    return FailedPrecondition(
        f"{name} {description}",
        reason=reason,
        remedy=remedy,
        metadata={"resource": name},
        violations=(Violation(name, description),),
    )


def deleted(name: str) -> FailedPrecondition:
    """What somebody is told who wants to use what is deleted."""
    return wrong_state(name, "is deleted", reason="RESOURCE_DELETED", remedy="undelete it first, or use another one")


@contextmanager
def within(place: str) -> Iterator[None]:
    """Has the errors of one part of a batch say which part it is, such as ``requests[3]``."""
    try:
        yield
    except SpiritsafeError as error:
        error.message = f"{place}: {error.message}"
        error.violations = tuple(Violation(f"{place}.{each.field}", each.description) for each in error.violations)
        error.metadata["batch_item"] = place
        raise


def check_etag(given: str, current: int, name: str) -> None:
    """Raises Aborted when the caller read another revision than the current one (AIP-154)."""
    if given and given != etag(current):
        raise Aborted(
            f"{name} was changed by somebody else",
            reason="ETAG_MISMATCH",
            remedy="read it again and repeat the change",
            metadata={"resource": name, "etag": etag(current)},
        )


def etag(revision: int) -> str:
    """The wire form of a row's revision number."""
    return f'"{revision}"'
