"""The content-addressed artifact store: bytes are found by their SHA-256, and become visible only once verified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Blob:
    """Content in a store, and when it came there (UTC microseconds)."""

    sha256: str
    size_bytes: int
    modified: int


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """An HTTP request that its holder may send to the store until it expires (UTC microseconds)."""

    method: str
    url: str
    headers: Mapping[str, str]
    expires: int


@dataclass(frozen=True, slots=True)
class SignedPart:
    """A part of an upload. Numbers begin at 1."""

    number: int
    size_bytes: int
    request: SignedRequest


@dataclass(frozen=True, slots=True)
class Offer:
    """The first missing parts of an upload, the bytes of each part but the last, and whether more are missing."""

    parts: Sequence[SignedPart]
    part_bytes: int
    more: bool = False


class DirectAccess(Protocol):
    """Transfers between clients and the store itself. The store signs every request; nothing else can be sent."""

    def offers(self) -> bool:
        """Whether the store verifies what it is sent, so that clients may be sent there. Asked once, then known."""
        ...

    def begin(self, sha256: str, size_bytes: int, *, restart: bool = False) -> Offer:
        """How content that is not there can be sent; ``restart`` forgets the parts that were."""
        ...

    def complete(self, sha256: str, size_bytes: int) -> int:
        """Makes content visible whose parts were all sent, and gives its size.

        Raises DataLoss, and keeps nothing, when size or digest differ; FailedPrecondition when parts are missing.
        """
        ...

    def download(self, sha256: str) -> SignedRequest:
        """A request for the content, which takes a Range header."""
        ...


class ArtifactStore(Protocol):
    """Where blobs live. Implementations choose every location themselves; callers only name digests."""

    @property
    def location(self) -> str:
        """For the operator: a folder or an address."""
        ...

    @property
    def direct(self) -> DirectAccess | None:
        """None where all bytes go through the server."""
        ...

    def check(self) -> None:
        """Asks the store for something. Raises Unavailable or FailedPrecondition where it cannot be used."""
        ...

    def has(self, sha256: str) -> bool:
        """Whether the verified content is there."""
        ...

    def size(self, sha256: str) -> int:
        """Bytes of the content. Raises NotFound."""
        ...

    def sizes(self, digests: Iterable[str]) -> dict[str, int]:
        """Bytes of the content of each of these digests that is there; many are looked for at once."""
        ...

    def put(self, sha256: str, size_bytes: int, chunks: Iterable[bytes]) -> int:
        """Stores the content and gives its size. Raises DataLoss, and keeps nothing, when size or digest differ."""
        ...

    def read(self, sha256: str, offset_bytes: int = 0) -> Iterator[bytes]:
        """Chunks of at most 1 MiB. Raises NotFound."""
        ...

    def verify(self, sha256: str) -> bool:
        """Re-reads the content and compares its digest."""
        ...

    def blobs(self, after: str = "") -> Iterator[Blob]:
        """All content in the order of its digests, from the first one beyond ``after`` on."""
        ...

    def delete(self, digests: Sequence[str]) -> None:
        """Removes content, at most 1,000 at once; what is not there is no error.

        Quick, or Unavailable: whoever calls it holds the registry's write lock.
        """
        ...

    def abandoned(self, before: int) -> Iterator[str]:
        """The names of unfinished uploads to which nothing was added since ``before`` (UTC microseconds)."""
        ...

    def abort(self, upload: str) -> None:
        """Ends an unfinished upload and removes its parts; one that is gone is no error."""
        ...
