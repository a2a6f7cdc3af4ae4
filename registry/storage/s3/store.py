"""The artifact store in a bucket: content-addressed, written once, resumable part by part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from botocore.exceptions import BotoCoreError

from registry.errors import not_found
from registry.storage.artifacts import Blob
from registry.storage.receiving import check_size, is_digest, verified
from registry.storage.s3.bucket import INCOMING, Bucket, Upload, content_key
from registry.storage.s3.direct import S3Direct
from registry.storage.s3.errors import translate
from registry.storage.s3.multipart import put_in_parts
from registry.storage.s3.settings import S3Settings
from spiritsafe.errors import NotFound

CHUNK_BYTES = 1 << 20
# A transfer that was cut off so often without a byte more is given up.
READ_TRIES = 4
# Questions about a manifest of hundreds of files; fewer than the connections that are kept.
ASKED_AT_ONCE = 16


class S3Store:
    """Content below a prefix of a bucket; any number of servers may share it.

    Content becomes visible in one step, once size and digest fit: as one object whose SHA-256 the bucket compares too,
    or from parts of which each was compared. Parts of an upload that was cut off stay, and the next upload of the same
    content sends only those that are missing.
    """

    def __init__(self, settings: S3Settings) -> None:
        self._bucket = Bucket(settings)
        self._direct = S3Direct(self._bucket)

    @property
    def location(self) -> str:
        """s3://BUCKET/PREFIX"""
        return self._bucket.settings.location

    @property
    def direct(self) -> S3Direct:
        """Transfers between clients and the bucket."""
        return self._direct

    def check(self) -> None:
        """Lists one key. Raises Unavailable, or FailedPrecondition for what the operator must mend."""
        self._bucket.check()

    def has(self, sha256: str) -> bool:
        """Whether the verified content is there."""
        return self._bucket.size(content_key(sha256)) is not None

    def size(self, sha256: str) -> int:
        """Bytes of the content. Raises NotFound."""
        size = self._bucket.size(content_key(sha256))
        if size is None:
            raise not_found(f"content {sha256}")
        return size

    def sizes(self, digests: Iterable[str]) -> dict[str, int]:
        """Bytes of the content of each of these digests that is there; some requests are under way at a time."""
        wanted = sorted({*digests})
        if not wanted:
            return {}
        with ThreadPoolExecutor(min(ASKED_AT_ONCE, len(wanted)), "spiritsafe-store") as pool:
            sizes = pool.map(lambda sha256: self._bucket.size(content_key(sha256)), wanted)
            return {sha256: size for sha256, size in zip(wanted, sizes, strict=True) if size is not None}

    def put(self, sha256: str, size_bytes: int, chunks: Iterable[bytes]) -> int:
        """Stores the content and gives its size; content that is there already is not read again.

        Raises:
            DataLoss: size or digest differ. Nothing is kept.
            ResourceExhausted, FailedPrecondition, Unavailable: the bucket refuses it. Whole parts are kept, as with any
                error of ``chunks`` itself.
        """
        key = content_key(sha256)
        present = self._bucket.size(key)
        if present is not None:
            return check_size(sha256, present, size_bytes)
        arriving = verified(sha256, size_bytes, chunks)
        part_bytes = self._bucket.settings.part_size(size_bytes)
        if size_bytes <= part_bytes:
            self._bucket.put_new(key, b"".join(arriving))
        else:
            put_in_parts(self._bucket, key, part_bytes, arriving)
        return size_bytes

    def read(self, sha256: str, offset_bytes: int = 0) -> Iterator[bytes]:
        """Chunks of at most 1 MiB from that byte on; a transfer that is cut off goes on where it was.

        Raises NotFound at once, not at the first chunk.
        """
        if offset_bytes and offset_bytes >= self.size(sha256):
            return iter(())
        return self._chunks(sha256, offset_bytes, self._open(sha256, offset_bytes))

    def verify(self, sha256: str) -> bool:
        """Re-reads the content and compares its digest; False when it is not there."""
        digest = hashlib.sha256()
        try:
            for chunk in self.read(sha256):
                digest.update(chunk)
        except NotFound:
            return False
        return digest.hexdigest() == sha256

    def blobs(self, after: str = "") -> Iterator[Blob]:
        """All content in the order of its digests, from the first one beyond ``after`` on."""
        for item in self._bucket.items(after=content_key(after) if after else ""):
            if item.key >= INCOMING:
                return
            sha256 = item.key.rpartition("/")[2]
            if is_digest(sha256) and item.key == content_key(sha256):
                yield Blob(sha256, item.size_bytes, item.modified)

    def delete(self, digests: Sequence[str]) -> None:
        """Removes content; what is not there is no error. Raises Unavailable rather than wait."""
        self._bucket.delete([content_key(sha256) for sha256 in digests])

    def abandoned(self, before: int) -> Iterator[str]:
        """Names of uploads without a new part since that time, and of what was sent in parts and never verified."""
        for upload in self._bucket.uploads():
            if upload.initiated < before and all(part.modified < before for part in self._bucket.parts(upload)):
                yield f"{upload.key}?{upload.id}"
        for item in self._bucket.items(INCOMING):
            if item.modified < before:
                yield item.key

    def abort(self, upload: str) -> None:
        """Ends an upload that ``abandoned`` named."""
        key, _, upload_id = upload.partition("?")
        if upload_id:
            self._bucket.abort(Upload(key, upload_id, 0))
        else:
            self._bucket.delete([key])

    def _open(self, sha256: str, offset_bytes: int) -> Any:
        answer = self._bucket.get(content_key(sha256), offset_bytes)
        if answer is None:
            raise not_found(f"content {sha256}")
        return answer["Body"]

    def _chunks(self, sha256: str, done: int, body: Any) -> Iterator[bytes]:
        tries = 0
        while True:
            try:
                with closing(body):
                    while chunk := body.read(CHUNK_BYTES):
                        done, tries = done + len(chunk), 0
                        yield chunk
                return
            except BotoCoreError as error:
                tries += 1
                if tries == READ_TRIES:
                    raise translate(error) from error
            body = self._open(sha256, done)
