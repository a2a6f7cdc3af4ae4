"""The one place where errors become google.rpc.Status and come back (AIP-193)."""

from __future__ import annotations

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from spiritsafe import errors
from spiritsafe.errors import SpiritsafeError, Violation

DOMAIN = "spiritsafe"
# PolicyDenied shares a code with its parent; this key tells them apart on the wire.
_POLICY_KEY = "policy"
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
    """The status with one ErrorInfo, plus BadRequest or PreconditionFailure and Help where the error carries them."""
    metadata = dict(error.metadata)
    if isinstance(error, errors.PolicyDenied):
        metadata.setdefault(_POLICY_KEY, "denied")
    details = [_pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata))]
    if error.violations:
        details.append(_pack(_violations(error)))
    if error.remedy:
        link = error_details_pb2.Help.Link(description=error.remedy)
        details.append(_pack(error_details_pb2.Help(links=[link])))
    return status_pb2.Status(code=code_pb2.Code.Value(error.code), message=error.message, details=details)


def from_rpc_error(error: grpc.RpcError) -> SpiritsafeError:
    """The typed error behind a failed call; a failure without details keeps its code and message."""
    status = rpc_status.from_call(error) if isinstance(error, grpc.Call) else None
    return _without_details(error) if status is None else from_status(status)


def from_status(status: status_pb2.Status) -> SpiritsafeError:
    """The error that ``to_status`` was given."""
    info = error_details_pb2.ErrorInfo()
    help_ = error_details_pb2.Help()
    violations: tuple[Violation, ...] = ()
    for detail in status.details:
        if detail.Unpack(info) or detail.Unpack(help_):
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
    )


def _without_details(error: grpc.RpcError) -> SpiritsafeError:
    code = error.code().name if isinstance(error, grpc.Call) else "UNKNOWN"
    message = (error.details() or code) if isinstance(error, grpc.Call) else str(error)
    remedy = "check the server's address and that it is running" if code == "UNAVAILABLE" else ""
    return _BY_CODE.get(code, SpiritsafeError)(message, remedy=remedy)


def _pack(
    detail: error_details_pb2.ErrorInfo
    | error_details_pb2.Help
    | error_details_pb2.BadRequest
    | error_details_pb2.PreconditionFailure,
) -> any_pb2.Any:
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
        error_details_pb2.BadRequest.FieldViolation(field=one.field, description=one.description)
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
