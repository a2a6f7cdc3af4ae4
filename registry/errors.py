"""What the registry refuses, each with a stable reason and the next step.

All are members of the SDK's tree (spiritsafe.errors), so one mapping to google.rpc details serves every service.
"""

from __future__ import annotations

from spiritsafe.errors import Aborted, AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Violation


def not_found(name: str) -> NotFound:
    return NotFound(
        f"{name} does not exist",
        reason="RESOURCE_NOT_FOUND",
        remedy="check the name; list commands show what exists",
        metadata={"resource": name},
    )


def already_exists(name: str) -> AlreadyExists:
    return AlreadyExists(
        f"{name} exists already",
        reason="RESOURCE_EXISTS",
        remedy="choose another id, or use the existing one",
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
