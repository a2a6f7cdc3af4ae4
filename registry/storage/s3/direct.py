"""Transfers between clients and the bucket: the server signs each request, and verifies what was sent in parts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from uuid import uuid4

from registry.clock import now
from registry.storage.artifacts import Offer, SignedPart, SignedRequest
from registry.storage.receiving import check_size, mismatch
from registry.storage.s3.bucket import INCOMING, Bucket, Part, Upload, checksum_of, content_key
from registry.storage.s3.errors import translated
from spiritsafe.errors import FailedPrecondition

OFFERED_AT_ONCE = 100
CHUNK_BYTES = 1 << 20
# The headers by which S3 knows the parameters that a signature must cover.
_HEADERS = {
    "ChecksumSHA256": "x-amz-checksum-sha256",
    "IfNoneMatch": "If-None-Match",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}


class S3Direct:
    """Small content goes to its own key in one request, whose signature holds length and SHA-256: the bucket compares.

    Larger content goes in parts to a key of its own below ``incoming/``. Only when the server has read all of it there,
    and found its digest, does it become content, by a copy of exactly what was read.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def offers(self) -> bool:
        """Whether the bucket compares checksums itself. One that does not could be sent anything."""
        return self._compares

    @cached_property
    def _compares(self) -> bool:
        return self._bucket.refuses_wrong_checksums()

    def begin(self, sha256: str, size_bytes: int, *, restart: bool = False) -> Offer:
        """The requests for the first missing parts. Without ``restart`` an upload that was begun before goes on."""
        part_bytes = self._bucket.settings.part_size(size_bytes)
        if size_bytes <= part_bytes:
            return Offer([SignedPart(1, size_bytes, self._whole(sha256, size_bytes))], size_bytes)
        if restart:
            self._discard(sha256)
        elif self._staged(sha256):
            return Offer([], part_bytes)
        upload = self._upload(sha256)
        held = {(part.number, part.size_bytes) for part in self._bucket.parts(upload)}
        wanted = [part for part in _parts(size_bytes, part_bytes) if part not in held]
        parts = [SignedPart(*part, self._part(upload, *part)) for part in wanted[:OFFERED_AT_ONCE]]
        return Offer(parts, part_bytes, len(wanted) > len(parts))

    def complete(self, sha256: str, size_bytes: int) -> int:
        """Makes content visible whose parts were all sent, and gives its size.

        Raises:
            FailedPrecondition: parts are missing.
            DataLoss: it is other content than was declared; all of it is forgotten.
        """
        present = self._bucket.size(content_key(sha256))
        if present is not None:
            self._discard(sha256)
            return check_size(sha256, present, size_bytes)
        staged = self._staged(sha256) or self._finish(sha256, size_bytes)
        if staged is None:
            raise _incomplete(sha256)
        self._adopt(staged, sha256, size_bytes)
        self._discard(sha256)
        return size_bytes

    def download(self, sha256: str) -> SignedRequest:
        """A request for the content as plain bytes; it takes a Range header."""
        expires = self._expiry()
        url = self._bucket.sign(
            "get_object",
            **self._bucket.place(content_key(sha256)),
            ResponseContentType="application/octet-stream",
            ResponseContentDisposition="attachment",
        )
        return SignedRequest("GET", url, {}, expires)

    def _whole(self, sha256: str, size_bytes: int) -> SignedRequest:
        fixed = {"ChecksumSHA256": checksum_of(sha256), "IfNoneMatch": "*", **self._bucket.encryption}
        expires = self._expiry()
        place = self._bucket.place(content_key(sha256))
        url = self._bucket.sign("put_object", **place, ContentLength=size_bytes, **fixed)
        headers = {_HEADERS[name]: value for name, value in fixed.items()}
        return SignedRequest("PUT", url, {"Content-Length": str(size_bytes), **headers}, expires)

    def _part(self, upload: Upload, number: int, size_bytes: int) -> SignedRequest:
        expires = self._expiry()
        url = self._bucket.sign(
            "upload_part",
            **self._bucket.place(upload.key),
            UploadId=upload.id,
            PartNumber=number,
            ContentLength=size_bytes,
        )
        return SignedRequest("PUT", url, {"Content-Length": str(size_bytes)}, expires)

    def _expiry(self) -> int:
        return now() + self._bucket.settings.url_seconds * 1_000_000

    def _uploads(self, sha256: str) -> list[Upload]:
        found = self._bucket.uploads(_folder(sha256))
        return sorted(found, key=lambda upload: (upload.initiated, upload.id))

    def _upload(self, sha256: str) -> Upload:
        """The upload that everybody who sends this content goes on with: the oldest."""
        if not (found := self._uploads(sha256)):
            made = self._bucket.begin(_folder(sha256) + uuid4().hex, checksums=False)
            # Looked up again: two that begin at once agree on one.
            found = self._uploads(sha256) or [made]
        return found[0]

    def _staged(self, sha256: str) -> str | None:
        """The key of what was sent whole and is not verified yet."""
        return next((item.key for item in self._bucket.items(_folder(sha256))), None)

    def _finish(self, sha256: str, size_bytes: int) -> str | None:
        """Makes one object of the parts and gives its key; None where some are missing."""
        for upload in self._uploads(sha256)[:1]:
            parts = self._bucket.parts(upload)
            if sum(part.size_bytes for part in parts) != size_bytes:
                return None
            try:
                self._bucket.finish(upload, _named(parts))
            except LookupError:
                return self._staged(sha256)  # somebody else did
            return upload.key
        return None

    def _adopt(self, staged: str, sha256: str, size_bytes: int) -> None:
        """Reads what was sent, and makes it content. Raises DataLoss, and forgets it, where it is something else."""
        answer = self._bucket.get(staged)
        if answer is None:
            if self._bucket.size(content_key(sha256)) is None:
                raise _incomplete(sha256)
            return  # somebody else did
        digest = hashlib.sha256()
        with translated():
            for chunk in answer["Body"].iter_chunks(CHUNK_BYTES):
                digest.update(chunk)
        if digest.hexdigest() != sha256:
            self._discard(sha256)
            raise mismatch(sha256, f"the bytes that arrived have the digest {digest.hexdigest()}")
        self._bucket.copy(staged, content_key(sha256), size_bytes, answer["ETag"])

    def _discard(self, sha256: str) -> None:
        for upload in self._uploads(sha256):
            self._bucket.abort(upload)
        if keys := [item.key for item in self._bucket.items(_folder(sha256))]:
            self._bucket.delete(keys)


def _folder(sha256: str) -> str:
    return f"{INCOMING}{content_key(sha256).rpartition('/')[2]}/"


def _parts(size_bytes: int, part_bytes: int) -> list[tuple[int, int]]:
    """Number and size of each part."""
    starts = range(0, size_bytes, part_bytes)
    return [(number, min(part_bytes, size_bytes - start)) for number, start in enumerate(starts, start=1)]


def _named(parts: Sequence[Part]) -> list[dict[str, object]]:
    return [{"PartNumber": part.number, "ETag": part.etag} for part in parts]


def _incomplete(sha256: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"content {sha256} was not sent whole",
        reason="UPLOAD_INCOMPLETE",
        remedy="ask BeginUpload for the parts that are missing and send them, then complete it again",
        metadata={"sha256": sha256},
    )
