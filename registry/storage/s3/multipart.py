"""Content in parts, each compared by its SHA-256; parts that the bucket holds are not sent again."""

from __future__ import annotations

from collections.abc import Iterator

from registry.storage.s3.bucket import Bucket, Upload, checksum
from spiritsafe.errors import DataLoss, Unavailable


def cut(chunks: Iterator[bytes], part_bytes: int) -> Iterator[bytes]:
    """The bytes of the chunks in parts of that size; the last one may be smaller."""
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= part_bytes:
            yield bytes(buffer[:part_bytes])
            del buffer[:part_bytes]
    if buffer:
        yield bytes(buffer)


def put_in_parts(bucket: Bucket, key: str, part_bytes: int, arriving: Iterator[bytes]) -> None:
    """Makes the object of verified content, as its bytes come.

    The object is made of the very parts that were hashed on their way, by tag and checksum: another writer of the same
    key can make this fail, and can put nothing else in. Raises DataLoss, and keeps nothing, where it is other content.
    """
    upload = _oldest(bucket, key) or bucket.begin(key, checksums=True)
    held = {part.number: part for part in bucket.parts(upload)}
    done = []
    try:
        for number, body in enumerate(cut(arriving, part_bytes), start=1):
            part = held.get(number)
            if part is not None and (part.size_bytes, part.checksum) == (len(body), checksum(body)):
                done.append({"PartNumber": number, "ETag": part.etag, "ChecksumSHA256": part.checksum})
            else:
                done.append(dict(bucket.put_part(upload, number, body)))
        bucket.finish(upload, done)
    except DataLoss:
        bucket.abort(upload)
        raise
    except LookupError as error:
        # Whoever sent the same content finished it, or it was taken for abandoned.
        if bucket.size(key) is None:
            raise Unavailable(
                "the upload was ended by somebody else",
                reason="UPLOAD_ENDED",
                remedy="send the file again",
            ) from error


def _oldest(bucket: Bucket, key: str) -> Upload | None:
    """The upload that everybody who sends this content goes on with."""
    found = [upload for upload in bucket.uploads(key) if upload.key == key]
    return min(found, key=lambda upload: (upload.initiated, upload.id), default=None)
