"""What names a repository and a file in it. Pure: nothing here touches a network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from spiritsafe.errors import InvalidArgument, Violation
from spiritsafe.rpc.names import Collection

# Ids go into addresses: nothing that could mean another address passes (".." is looked for by itself).
_REPO = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}(?:/[A-Za-z0-9_][A-Za-z0-9_.-]{0,95})?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")


def is_repo(text: str) -> bool:
    """Whether the text is a repository's id, for example "Qwen/Qwen3-8B"."""
    return bool(_REPO.fullmatch(text)) and ".." not in text


def is_commit(text: str) -> bool:
    """Whether the text is the full id of a commit: 40 lower-case hexadecimal digits."""
    return bool(_COMMIT.fullmatch(text))


@dataclass(frozen=True, slots=True)
class RepoRef:
    """A repository of models or of datasets. Raises InvalidArgument for a malformed id."""

    repo: str
    collection: Collection

    def __post_init__(self) -> None:
        if not is_repo(self.repo):
            raise _bad("repo", f"{self.repo!r} is not a repository of the form ORGANISATION/NAME")

    @property
    def key(self) -> tuple[str, str]:
        """What two references to one repository have in common: the hub ignores case."""
        return self.collection, self.repo.casefold()

    def page(self, endpoint: str) -> str:
        """The address of its page, for a person to visit."""
        prefix = "datasets/" if self.collection == "datasets" else ""
        return f"{endpoint.rstrip('/')}/{prefix}{self.repo}"


def parse_ref(text: str, collection: Collection) -> tuple[RepoRef, str]:
    """Reads REPO or REPO@REVISION; the revision is empty where none is given. Raises InvalidArgument."""
    repo, at, revision = text.partition("@")
    if at and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise _bad("revision", f"{revision!r} is not a branch, a tag or a commit")
    return RepoRef(repo, collection), revision


def parse_endpoint(text: str) -> str:
    """The address of a hub, without a trailing slash. Raises InvalidArgument where it is none."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise _bad("HF_ENDPOINT", f"{text!r} is not the address of a hub, such as https://huggingface.co")
    return text.rstrip("/")


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a commit.

    ``sha256`` is that of a file in large file storage, from its pointer; a file in git itself has none there, and its
    ``git_oid`` is the id of its blob.
    """

    path: str
    size_bytes: int
    sha256: str = ""
    git_oid: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A repository at one commit; ``commit`` is empty for one of which only the name is known.

    ``card`` holds the metadata of its card with the names that they have there; ``gated`` says that its publisher asks
    people to accept something before they may fetch files, ``service`` that it is on no hub at all.
    """

    ref: RepoRef
    commit: str = ""
    card: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    library: str = ""
    gated: bool = False
    service: bool = False
    files: tuple[HubFile, ...] = ()


def _bad(name: str, description: str) -> InvalidArgument:
    return InvalidArgument(
        f"{name}: {description}", reason="INVALID_HUB_NAME", violations=(Violation(name, description),)
    )
