"""What a hub refuses, as this project's errors: which repository, why, and what to do next."""

from __future__ import annotations

import httpx2
from huggingface_hub import errors as hub

from spiritsafe import errors
from spiritsafe.errors import SpiritsafeError
from spiritsafe.hub.names import HubFile, RepoRef

# All that huggingface_hub and what lies below it raise: answers, transport, and what it makes of an odd answer.
FAILURES = (httpx2.HTTPError, OSError, ValueError, KeyError, TypeError, AttributeError)
_TOKEN_REMEDY = "make a token on the hub that may read it, and set HF_TOKEN"  # noqa: S105 - advice, not a secret


def translate(error: Exception, ref: RepoRef, endpoint: str) -> SpiritsafeError:
    """The error to raise instead. Nothing of the answer's own text is passed on but its status."""
    page = ref.page(endpoint)
    metadata = {"repo": ref.repo, "page": page}
    if isinstance(error, hub.GatedRepoError):
        return errors.PermissionDenied(
            f"{ref.repo} is gated: its publisher asks you to accept conditions before its files can be fetched",
            reason="HUB_REPO_GATED",
            remedy=f"read and accept them yourself at {page}, then set HF_TOKEN to a token of that account",
            metadata=metadata,
        )
    if isinstance(error, hub.RevisionNotFoundError):
        return errors.NotFound(
            f"{ref.repo} has no such revision",
            reason="HUB_REVISION_NOT_FOUND",
            remedy=f"choose a branch, tag or commit that {page} lists",
            metadata=metadata,
        )
    if isinstance(error, hub.RemoteEntryNotFoundError):
        return errors.NotFound(
            f"{ref.repo} has no such file at that commit", reason="HUB_FILE_NOT_FOUND", metadata=metadata
        )
    if isinstance(error, hub.RepositoryNotFoundError):
        return errors.NotFound(
            f"{ref.repo} does not exist among the hub's {ref.collection}, or is private",
            reason="HUB_REPO_NOT_FOUND",
            remedy=f"check the name at {page}; for a private one {_TOKEN_REMEDY}",
            metadata=metadata,
        )
    if isinstance(error, hub.HFValidationError):
        return errors.InvalidArgument(f"{ref.repo} is not a name that the hub takes", reason="INVALID_HUB_NAME")
    if isinstance(error, hub.HfHubHTTPError):
        return _status(error.response.status_code, ref, metadata)
    if isinstance(error, httpx2.RemoteProtocolError | httpx2.ReadError):
        return errors.Unavailable(
            f"the hub at {endpoint} breaks off its answers for {ref.repo}",
            reason="HUB_TRANSFER_CUT",
            remedy="repeat the command later; whole files that arrived are kept",
            metadata=metadata,
        )
    if isinstance(error, httpx2.HTTPError | ConnectionError | TimeoutError):
        return errors.Unavailable(
            f"the hub at {endpoint} cannot be reached ({type(error).__name__})",
            reason="HUB_UNREACHABLE",
            remedy="check the network, HF_ENDPOINT and HF_HUB_OFFLINE; a folder can be imported without a network: "
            "spiritsafe import folder",
            metadata=metadata,
        )
    return errors.Unavailable(
        f"{endpoint} answered for {ref.repo} in a way that no hub does ({type(error).__name__})",
        reason="HUB_ANSWER_UNREADABLE",
        remedy="check HF_ENDPOINT",
        metadata=metadata,
    )


def _status(status: int, ref: RepoRef, metadata: dict[str, str]) -> SpiritsafeError:
    metadata = metadata | {"status": str(status)}
    if status == 401:
        return errors.Unauthenticated(
            f"the hub does not accept the token (401) for {ref.repo}",
            reason="HUB_TOKEN_INVALID",
            remedy=_TOKEN_REMEDY,
            metadata=metadata,
        )
    if status == 403:
        return errors.PermissionDenied(
            f"the hub refuses {ref.repo} to this token (403)",
            reason="HUB_FORBIDDEN",
            remedy=f"look at {metadata['page']}; {_TOKEN_REMEDY}",
            metadata=metadata,
        )
    if status == 429:
        return errors.ResourceExhausted(
            f"the hub takes no more requests for {ref.repo} for now (429)",
            reason="HUB_RATE_LIMITED",
            remedy="repeat the command later; a token has a higher limit, see HF_TOKEN",
            metadata=metadata,
        )
    return errors.Unavailable(
        f"the hub failed for {ref.repo} ({status})",
        reason="HUB_FAILED",
        remedy="repeat the command later; what arrived is kept",
        metadata=metadata,
    )


def moved(ref: RepoRef, commit: str, found: str) -> SpiritsafeError:
    """The hub gave another commit than the one that was asked for."""
    return errors.Aborted(
        f"{ref.repo}: commit {commit} was asked for, and the hub gave {found or 'none'}",
        reason="HUB_REVISION_MOVED",
        remedy="the repository or the mirror is not what it says; begin again with the commit that it has now",
        metadata={"repo": ref.repo, "commit": commit, "found": found},
    )


def mismatch(ref: RepoRef, file: HubFile, problem: str) -> SpiritsafeError:
    """What arrived is not the file that the commit names."""
    return errors.DataLoss(
        f"{file.path} of {ref.repo}: {problem}",
        reason="HUB_CONTENT_MISMATCH",
        remedy="repeat the command; if it happens again, the hub or a proxy before it changes or cuts off files",
        metadata={"repo": ref.repo, "path": file.path},
    )
