"""What S3 refuses, as the registry's errors. None names the bucket: that is for the operator, in the server's log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as botocore

from spiritsafe import errors
from spiritsafe.errors import SpiritsafeError

_log = logging.getLogger(__name__)
ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
EXISTS = frozenset({"412", "PreconditionFailed"})
NO_UPLOAD = frozenset({"NoSuchUpload"})
_REFUSED = frozenset(
    {
        *("403", "AccessDenied", "AllAccessDisabled", "AccountProblem", "ExpiredToken", "InvalidToken"),
        *("InvalidAccessKeyId", "RequestTimeTooSkewed", "SignatureDoesNotMatch"),
    }
)
_FULL = frozenset({"507", "QuotaExceeded", "ServiceQuotaExceeded", "XMinioStorageFull", "InsufficientStorage"})
_BUSY = frozenset({"429", "500", "502", "503", "504", "InternalError", "ServiceUnavailable", "SlowDown"})
_DAMAGED = frozenset({"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"})
_NO_CREDENTIALS = (
    botocore.NoCredentialsError,
    botocore.PartialCredentialsError,
    botocore.CredentialRetrievalError,
    botocore.ProfileNotFound,
)
FAILURES = (botocore.BotoCoreError, botocore.ClientError)


def code_of(error: Exception) -> str:
    """S3's own word for the error, or the HTTP status; empty where it did not answer."""
    if not isinstance(error, botocore.ClientError):
        return ""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: Exception) -> int:
    """The HTTP status of the answer; 0 where there was none."""
    if not isinstance(error, botocore.ClientError):
        return 0
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@contextmanager
def translated() -> Iterator[None]:
    """Raises the registry's error instead of boto3's."""
    try:
        yield
    except FAILURES as error:
        _log.warning("the artifact store failed: %s", error)
        raise translate(error) from error


def translate(error: Exception) -> SpiritsafeError:
    """The error to raise instead."""
    code = code_of(error)
    if isinstance(error, botocore.ClientError):
        return _answered(code, status_of(error))
    if isinstance(error, _NO_CREDENTIALS):
        return errors.FailedPrecondition(
            "the server has no credentials for its artifact store",
            reason="STORE_CREDENTIALS_MISSING",
            remedy="give the server's process credentials that boto3 finds: a role, a profile, or AWS_ACCESS_KEY_ID "
            "and AWS_SECRET_ACCESS_KEY",
        )
    return errors.Unavailable(
        f"the artifact store cannot be reached ({type(error).__name__})",
        reason="STORE_UNREACHABLE",
        remedy="repeat the command later; if it stays so, the operator checks SPIRITSAFE_S3_ENDPOINT and the network",
    )


def _answered(code: str, status: int) -> SpiritsafeError:
    if code == "NoSuchBucket":
        return errors.FailedPrecondition(
            "the bucket of the artifact store does not exist",
            reason="STORE_BUCKET_MISSING",
            remedy="the operator makes the bucket, or corrects SPIRITSAFE_STORE",
        )
    if code.startswith("KMS."):
        return errors.FailedPrecondition(
            f"the artifact store cannot use its encryption key ({code})",
            reason="STORE_KEY_UNUSABLE",
            remedy="the operator checks SPIRITSAFE_S3_KMS_KEY and what the server's role may do with that key",
        )
    if code in _REFUSED or status == 403:
        return errors.FailedPrecondition(
            f"the artifact store refuses the server ({code})",
            reason="STORE_FORBIDDEN",
            remedy="the operator checks the server's credentials and the bucket's policy: docs/registry/storage.md "
            "lists the permissions",
        )
    if code in _FULL or status == 507:
        return errors.ResourceExhausted(
            "the artifact store has no room",
            reason="STORE_FULL",
            remedy="the operator frees space or raises the quota; then repeat the command: whole files are kept",
        )
    if code in _DAMAGED:
        return errors.Unavailable(
            "bytes were damaged on their way to the artifact store",
            reason="STORE_TRANSFER_DAMAGED",
            remedy="repeat the command; nothing of this file became visible",
        )
    busy = code in _BUSY or status >= 500
    return errors.Unavailable(
        f"the artifact store {'is busy' if busy else 'refused a request'} ({code or status})",
        reason="STORE_BUSY" if busy else "STORE_REFUSED",
        remedy="repeat the command later; whole files are kept",
    )
