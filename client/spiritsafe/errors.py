"""The error tree that the servers raise and the client re-raises.

    SpiritsafeError
    ├── InvalidArgument      (ValueError)       a field of the request is wrong
    ├── NotFound             (LookupError)      no such resource
    ├── AlreadyExists                           the id is taken
    ├── FailedPrecondition                      the resource is not in the state that the call needs
    │   └── PolicyDenied                        the licence gate or a release rule says no
    ├── Aborted                                 somebody else changed it first (etag); read again and retry
    ├── Unauthenticated                         no token, or one that is unknown, expired or revoked
    ├── PermissionDenied     (PermissionError)  the caller's roles do not include the permission
    ├── ResourceExhausted                       a quota or limit is reached
    ├── DataLoss                                bytes do not match their digest
    ├── DeadlineExceeded     (TimeoutError)     it took longer than the caller allowed
    ├── Unavailable          (ConnectionError)  the server cannot be reached now
    └── Internal                                a defect of the server

Every error says what is wrong (``message``), a stable machine-readable ``reason``, the dynamic values in ``metadata``,
and what to do next (``remedy``). One that a call raised also says which: ``method``, and the ``request_id`` with which
the call may be repeated without doing its work twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "Aborted",
    "AlreadyExists",
    "DataLoss",
    "DeadlineExceeded",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "NotFound",
    "PermissionDenied",
    "PolicyDenied",
    "ResourceExhausted",
    "SpiritsafeError",
    "Unauthenticated",
    "Unavailable",
    "Violation",
]


@dataclass(frozen=True, slots=True)
class Violation:
    """One field (or precondition) that is wrong, and how."""

    field: str
    description: str


class SpiritsafeError(Exception):
    """Base of all errors. ``code`` is the name of the gRPC status code that it travels under.

    ``method`` is the call that raised it, for example "spiritsafe.registry.v1.ModelService/GetModel", and
    ``request_id`` that of its request; both are empty for errors that no call raised. ``retry_seconds`` is how long the
    server asks to wait before the call is repeated; None where it does not ask for that.
    """

    code: ClassVar[str] = "UNKNOWN"

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        remedy: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: tuple[Violation, ...] = (),
        retry_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.code
        self.remedy = remedy
        self.metadata = dict(metadata or {})
        self.violations = violations
        self.retry_seconds = retry_seconds
        self.method = ""
        self.request_id = ""

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})" if self.remedy else self.message


class InvalidArgument(SpiritsafeError, ValueError):
    code = "INVALID_ARGUMENT"


class NotFound(SpiritsafeError, LookupError):
    code = "NOT_FOUND"


class AlreadyExists(SpiritsafeError):
    code = "ALREADY_EXISTS"


class FailedPrecondition(SpiritsafeError):
    code = "FAILED_PRECONDITION"


class PolicyDenied(FailedPrecondition):
    """The licence gate or a release rule refused; travels as FAILED_PRECONDITION with ``metadata["policy"]``."""


class Aborted(SpiritsafeError):
    code = "ABORTED"


class Unauthenticated(SpiritsafeError):
    code = "UNAUTHENTICATED"


class PermissionDenied(SpiritsafeError, PermissionError):
    code = "PERMISSION_DENIED"


class ResourceExhausted(SpiritsafeError):
    code = "RESOURCE_EXHAUSTED"


class DataLoss(SpiritsafeError):
    code = "DATA_LOSS"


class DeadlineExceeded(SpiritsafeError, TimeoutError):
    code = "DEADLINE_EXCEEDED"


class Unavailable(SpiritsafeError, ConnectionError):
    code = "UNAVAILABLE"


class Internal(SpiritsafeError):
    code = "INTERNAL"
