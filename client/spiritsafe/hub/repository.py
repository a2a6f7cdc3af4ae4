"""Reading a hub: a repository at one commit, and the bytes of its files, with bounded patience."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from spiritsafe.errors import DataLoss
from spiritsafe.hub.names import HubFile, RepoRef, Snapshot, is_commit, parse_endpoint

ENDPOINT_VARIABLE = "HF_ENDPOINT"
TOKEN_VARIABLE = "HF_TOKEN"  # noqa: S105 - the name of a variable, not a secret
PUBLIC_ENDPOINT = "https://huggingface.co"
CHUNK_BYTES = 1 << 20
_REPO_TYPES = {"models": "model", "datasets": "dataset"}
_ValueT = TypeVar("_ValueT")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a hub is waited for: tries in all, the longest single wait that it may ask for, the first wait without
    one (doubled each time), and the time that one answer may take; all in seconds.
    """

    tries: int = 4
    longest_wait_seconds: float = 120.0
    first_wait_seconds: float = 1.0
    answer_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub and who asks. An empty token is the one that the user's own `hf auth login` stored, if any; with
    ``anonymous`` none is ever sent but ``token``.

    Every method raises the errors of ``spiritsafe.hub.errors``; huggingface_hub is loaded by the first call.
    """

    endpoint: str = PUBLIC_ENDPOINT
    token: str = ""
    anonymous: bool = False
    patience: Patience = Patience()

    @classmethod
    def from_environment(cls, *, anonymous: bool = False) -> Hub:
        """The hub of ``$HF_ENDPOINT`` with the token of ``$HF_TOKEN``; whether that is an address is seen when used."""
        endpoint = (os.environ.get(ENDPOINT_VARIABLE) or PUBLIC_ENDPOINT).rstrip("/")
        return cls(endpoint, os.environ.get(TOKEN_VARIABLE, ""), anonymous)

    def snapshot(self, ref: RepoRef, revision: str = "") -> Snapshot:
        """The repository at a branch, tag or commit, its default branch where none is named.

        Card, files and the commit that they are pinned to come in one answer, so they always belong together.
        """
        return self._patiently(ref, lambda: self._read(ref, revision))

    def content(self, ref: RepoRef, commit: str, file: HubFile, offset_bytes: int = 0) -> Iterator[bytes]:
        """The bytes of a file from ``offset_bytes`` on, in chunks of at most 1 MiB.

        An interrupted transfer goes on where it stopped. Raises DataLoss, after the last chunk, where the size is
        another one, and Aborted where the hub gives another commit.
        """
        from spiritsafe.hub import errors

        done, tries = offset_bytes, 0
        while done < file.size_bytes:
            location = self._patiently(ref, lambda: self._locate(ref, commit, file))
            before = done
            try:
                for chunk in self._transfer(location, done, file.size_bytes):
                    done += len(chunk)
                    yield chunk
            except errors.FAILURES as error:
                tries = self._next_try(ref, error, 0 if done > before else tries)
                continue
            if done < file.size_bytes:
                # It ended without an error: cut off by something that says it is complete. Once more, then no more.
                if tries:
                    raise errors.mismatch(ref, file, f"{done} of {file.size_bytes} bytes arrived")
                tries = 1
        if done > file.size_bytes:
            raise errors.mismatch(ref, file, f"more than its {file.size_bytes} bytes arrived")

    def verified(self, ref: RepoRef, commit: str, file: HubFile) -> Iterator[bytes]:
        """As ``content`` from the first byte; raises DataLoss after the last chunk where the digest is another one."""
        from spiritsafe.hub import errors

        digest = hashlib.sha256() if file.sha256 else _git_blob(file.size_bytes)
        for chunk in self.content(ref, commit, file):
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != (file.sha256 or file.git_oid):
            raise errors.mismatch(ref, file, "the bytes that arrived have another digest than the commit names")

    def _read(self, ref: RepoRef, revision: str) -> Snapshot:
        from huggingface_hub import HfApi

        from spiritsafe.hub import errors

        info: Any = HfApi(parse_endpoint(self.endpoint), token=self._token()).repo_info(
            ref.repo,
            revision=revision or None,
            repo_type=_REPO_TYPES[ref.collection],
            files_metadata=True,
            timeout=self.patience.answer_seconds,
        )
        commit = info.sha or ""
        if not is_commit(commit) or (is_commit(revision) and commit != revision):
            raise errors.moved(ref, revision, commit)
        return Snapshot(
            # The hub follows renames and ignores case; what it answers is the name that it has now.
            ref=replace(ref, repo=info.id),
            commit=commit,
            card=info.card_data.to_dict() if info.card_data else {},
            tags=tuple(info.tags or ()),
            library=getattr(info, "library_name", None) or "",
            gated=bool(info.gated),
            files=tuple(_file(each) for each in info.siblings or ()),
        )

    def _locate(self, ref: RepoRef, commit: str, file: HubFile) -> str:
        """The address of the bytes. Raises where the hub's own headers contradict the commit or the file."""
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        from spiritsafe.hub import errors

        type_ = _REPO_TYPES[ref.collection]
        endpoint = parse_endpoint(self.endpoint)
        url = hf_hub_url(ref.repo, file.path, repo_type=type_, revision=commit, endpoint=endpoint)
        seconds = self.patience.answer_seconds
        found = get_hf_file_metadata(url, token=self._token(), timeout=seconds, endpoint=endpoint)
        if found.commit_hash != commit:
            raise errors.moved(ref, commit, found.commit_hash or "")
        if file.sha256 and found.etag != file.sha256:
            raise errors.mismatch(ref, file, f"the hub gives content {found.etag}, not {file.sha256}")
        if found.size is not None and found.size != file.size_bytes:
            raise errors.mismatch(ref, file, f"the hub says {found.size} bytes, the commit {file.size_bytes}")
        return found.location

    def _transfer(self, location: str, offset_bytes: int, size_bytes: int) -> Iterator[bytes]:
        from huggingface_hub import get_session, hf_raise_for_status
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined] # exported, but lazily

        # Large files lie on another host, with a signed address of their own: the token is none of its business.
        ours = urlsplit(location).netloc == urlsplit(self.endpoint).netloc
        headers = build_hf_headers(token=self._token() if ours else False)
        headers["Accept-Encoding"] = "identity"
        if offset_bytes:
            headers["Range"] = f"bytes={offset_bytes}-{size_bytes - 1}"
        seconds = self.patience.answer_seconds
        with get_session().stream("GET", location, headers=headers, timeout=seconds) as response:
            hf_raise_for_status(response)
            # A host that does not know ranges sends all of it again.
            skip = offset_bytes if response.status_code == 200 else 0
            for chunk in response.iter_bytes(CHUNK_BYTES):
                kept, skip = chunk[skip:], max(0, skip - len(chunk))
                if kept:
                    yield kept

    def _token(self) -> str | bool | None:
        """What huggingface_hub takes: a token, False for none at all, None for the one of the user's login."""
        return self.token or (False if self.anonymous else None)

    def _patiently(self, ref: RepoRef, call: Callable[[], _ValueT]) -> _ValueT:
        from spiritsafe.hub import errors

        tries = 0
        while True:
            try:
                return call()
            except errors.FAILURES as error:
                tries = self._next_try(ref, error, tries)

    def _next_try(self, ref: RepoRef, error: Exception, tries: int) -> int:
        """Waits and gives the number of tries; raises the translated error where waiting is of no use."""
        from spiritsafe.errors import SpiritsafeError
        from spiritsafe.hub import errors

        if isinstance(error, SpiritsafeError):
            raise error
        tries += 1
        wait = _wait_seconds(error, self.patience.first_wait_seconds * 2 ** (tries - 1))
        if wait is None or tries >= self.patience.tries or wait > self.patience.longest_wait_seconds:
            raise errors.translate(error, ref, self.endpoint) from error
        time.sleep(wait)
        return tries


def fetched_once_more(store: Callable[[], _ValueT]) -> _ValueT:
    """Runs a transfer, and once more where its bytes were not those that were promised."""
    try:
        return store()
    except DataLoss:
        return store()


def _wait_seconds(error: Exception, unasked: float) -> float | None:
    """How long to wait before a further try; None where none can help."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if status == 429:
            return _asked_seconds(error.response.headers, unasked)
        return unasked if status >= 500 or status == 408 else None
    return unasked if isinstance(error, httpx2.TransportError) else None


def _asked_seconds(headers: Mapping[str, str], unasked: float) -> float:
    """What the hub asks for: whole seconds in Retry-After, or the end of the window of its rate limit."""
    from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined] # exported, but lazily

    asked = headers.get("Retry-After", "")
    if asked.isascii() and asked.isdigit():
        return float(asked)
    limit = parse_ratelimit_headers(headers)
    return float(limit.reset_in_seconds) if limit else unasked


def _file(found: Any) -> HubFile:
    found.rfilename.encode()  # raises for what no name of a file can be
    if found.lfs:
        return HubFile(found.rfilename, found.lfs.size, sha256=found.lfs.sha256)
    return HubFile(found.rfilename, found.size or 0, git_oid=found.blob_id or "")


def _git_blob(size_bytes: int) -> Any:
    """The digest by which git names a blob of this size: SHA-1 over a header and the content."""
    return hashlib.sha1(f"blob {size_bytes}\0".encode(), usedforsecurity=False)
