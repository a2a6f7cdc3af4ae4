"""The one place where errors become google.rpc.Status and come back (AIP-193)."""

from __future__ import annotations

from datetime import timedelta

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from spiritsafe import errors
from spiritsafe.errors import SpiritsafeError, Violation

DOMAIN = "spiritsafe"
# PolicyDenied shares a code with its parent; this key tells them apart on the wire.
_POLICY_KEY = "policy"
_RESOURCE_KEY = "resource"
# When a call that failed with such a code may be repeated, where the error itself does not say. Not so for a limit that
# is reached: whoever raises that knows whether it passes by itself, as a full disk does not.
_RETRY_SECONDS = {errors.Unavailable.code: 1.0}
# What knows the status of a failed call, blocking and asynchronous.
_ANSWERED = (grpc.Call, grpc.aio.AioRpcError)
_BY_CODE: dict[str, type[SpiritsafeError]] = {
    kind.code: kind
    for kind in (
        errors.InvalidArgument,
        errors.NotFound,
        errors.AlreadyExists,
        errors.FailedPrecondition,
        errors.Aborted,
        errors.Unauthenticated,
        errors.PermissionDenied,
        errors.ResourceExhausted,
        errors.DataLoss,
        errors.DeadlineExceeded,
        errors.Unavailable,
        errors.Internal,
    )
}


def to_status(error: SpiritsafeError) -> status_pb2.Status:
    """The status with its details, each type at most once.

    ErrorInfo always; BadRequest or PreconditionFailure for violations, ResourceInfo where the error names a resource,
    RetryInfo where the same call may succeed later, Help for the remedy.
    """
    metadata = dict(error.metadata)
    if isinstance(error, errors.PolicyDenied):
        metadata.setdefault(_POLICY_KEY, "denied")
    details = [_pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata))]
    if error.violations:
        details.append(_pack(_violations(error)))
    if name := metadata.get(_RESOURCE_KEY):
        resource = error_details_pb2.ResourceInfo(
            resource_type=_resource_type(name), resource_name=name, description=error.message
        )
        details.append(_pack(resource))
    if error.remedy:
        link = error_details_pb2.Help.Link(description=error.remedy)
        details.append(_pack(error_details_pb2.Help(links=[link])))
    retry_seconds = _RETRY_SECONDS.get(error.code) if error.retry_seconds is None else error.retry_seconds
    if retry_seconds is not None:
        delay = duration_pb2.Duration()
        delay.FromTimedelta(timedelta(seconds=retry_seconds))
        details.append(_pack(error_details_pb2.RetryInfo(retry_delay=delay)))
    return status_pb2.Status(code=code_pb2.Code.Value(error.code), message=error.message, details=details)


def from_rpc_error(error: grpc.RpcError) -> SpiritsafeError:
    """The typed error behind a failed call; a failure without details keeps its code and message."""
    status = rpc_status.from_call(error) if isinstance(error, _ANSWERED) else None
    return _without_details(error) if status is None else from_status(status)


def from_status(status: status_pb2.Status) -> SpiritsafeError:
    """The error that ``to_status`` was given."""
    info = error_details_pb2.ErrorInfo()
    help_ = error_details_pb2.Help()
    retry = error_details_pb2.RetryInfo()
    retry_seconds: float | None = None
    violations: tuple[Violation, ...] = ()
    for detail in status.details:
        if detail.Unpack(info) or detail.Unpack(help_):
            continue
        if detail.Unpack(retry):
            retry_seconds = retry.retry_delay.ToTimedelta().total_seconds()
            continue
        violations += _read_violations(detail)
    kind = _BY_CODE.get(code_pb2.Code.Name(status.code), SpiritsafeError)
    if kind is errors.FailedPrecondition and _POLICY_KEY in info.metadata:
        kind = errors.PolicyDenied
    return kind(
        status.message,
        reason=info.reason,
        remedy=help_.links[0].description if help_.links else "",
        metadata=info.metadata,
        violations=violations,
        retry_seconds=retry_seconds,
    )


def _without_details(error: grpc.RpcError) -> SpiritsafeError:
    code = error.code().name if isinstance(error, _ANSWERED) else "UNKNOWN"
    message = (error.details() or code) if isinstance(error, _ANSWERED) else str(error)
    remedy = "check the server's address and that it is running" if code == "UNAVAILABLE" else ""
    return _BY_CODE.get(code, SpiritsafeError)(message, remedy=remedy)


def _resource_type(name: str) -> str:
    """The collection that the name ends in, as AIP-123 writes a type: `spiritsafe/versions`."""
    *above, _ = name.split("/")
    return f"{DOMAIN}/{above[-1] if above else name}"


def _pack(detail: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed


def _violations(error: SpiritsafeError) -> error_details_pb2.BadRequest | error_details_pb2.PreconditionFailure:
    if isinstance(error, errors.FailedPrecondition):
        failed = [
            error_details_pb2.PreconditionFailure.Violation(
                type=error.reason, subject=one.field, description=one.description
            )
            for one in error.violations
        ]
        return error_details_pb2.PreconditionFailure(violations=failed)
    wrong = [
        error_details_pb2.BadRequest.FieldViolation(field=one.field, description=one.description, reason=error.reason)
        for one in error.violations
    ]
    return error_details_pb2.BadRequest(field_violations=wrong)


def _read_violations(detail: any_pb2.Any) -> tuple[Violation, ...]:
    bad = error_details_pb2.BadRequest()
    failure = error_details_pb2.PreconditionFailure()
    if detail.Unpack(bad):
        return tuple(Violation(one.field, one.description) for one in bad.field_violations)
    if detail.Unpack(failure):
        return tuple(Violation(one.subject, one.description) for one in failure.violations)
    return ()
