"""One bucket: which keys there are, and the requests that the store makes, each with the settings that go with it.

PREFIX ab/abcdef…                       content, named by its SHA-256
PREFIX incoming/abcdef…/UNIQUE          what clients send in parts, until it is verified
PREFIX probe/UNIQUE                     a request that a store which verifies checksums refuses
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import create_loader
from botocore.session import get_session

from registry.storage.receiving import check_digest
from registry.storage.s3.errors import ABSENT, EXISTS, FAILURES, NO_UPLOAD, code_of, status_of, translated
from registry.storage.s3.settings import S3Settings

INCOMING = "incoming/"
POOL = 32
# Removals, and questions for a size, happen under the registry's write lock as well.
QUICK_SECONDS = 5.0
QUESTION_TRIES = 3
DELETE_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Upload:
    """An unfinished multipart upload; ``initiated`` in UTC microseconds."""

    key: str
    id: str
    initiated: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part that the bucket holds; ``checksum`` is the base64 of its SHA-256, "" where the bucket tells none."""

    number: int
    size_bytes: int
    etag: str
    checksum: str
    modified: int


@dataclass(frozen=True, slots=True)
class Item:
    """An object below the prefix, its key without the prefix."""

    key: str
    size_bytes: int
    modified: int


def content_key(sha256: str) -> str:
    """Where content lies, below the prefix. Raises InvalidArgument for what is no digest."""
    return f"{check_digest(sha256)[:2]}/{sha256}"


def checksum(body: bytes) -> str:
    """S3's form of a SHA-256."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def checksum_of(sha256: str) -> str:
    """S3's form of a hexadecimal digest."""
    return base64.b64encode(bytes.fromhex(sha256)).decode()


@cache
def _descriptions() -> Any:
    """What boto3 knows of S3; reading it takes a tenth of a second."""
    return create_loader()


def _session() -> Any:
    """With credentials of its own: they may have changed since the last one."""
    session = get_session()
    session.register_component("data_loader", _descriptions())
    return boto3.session.Session(botocore_session=session)


class Bucket:
    """Requests about keys below the prefix. Every method raises the registry's errors."""

    def __init__(self, settings: S3Settings) -> None:
        self.settings = settings

    @cached_property
    def client(self) -> Any:
        """Made when it is first needed: that reads boto3's description of all of S3."""
        return self._client(self.settings.read_seconds, self.settings.tries)

    @cached_property
    def _removing(self) -> Any:
        return self._client(min(QUICK_SECONDS, self.settings.read_seconds), 1)

    @cached_property
    def _asking(self) -> Any:
        return self._client(min(QUICK_SECONDS, self.settings.read_seconds), min(QUESTION_TRIES, self.settings.tries))

    def _client(self, read_seconds: float, tries: int) -> Any:
        settings = self.settings
        config = Config(
            signature_version="s3v4",
            connect_timeout=min(settings.connect_seconds, read_seconds),
            read_timeout=read_seconds,
            max_pool_connections=POOL,
            # Exponential, with full jitter.
            retries={"mode": "standard", "total_max_attempts": tries},
            s3={"addressing_style": "path" if settings.path_style else "auto"},
            # Ours are SHA-256; other ones would go into signed addresses as well.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        with translated():
            return _session().client(
                "s3", endpoint_url=settings.endpoint or None, region_name=settings.region or None, config=config
            )

    def place(self, key: str) -> dict[str, str]:
        """The parameters that name an object."""
        return {"Bucket": self.settings.bucket, "Key": self.settings.prefix + key}

    @property
    def encryption(self) -> dict[str, str]:
        """The parameters of whatever makes an object."""
        given = {"ServerSideEncryption": self.settings.encryption, "SSEKMSKeyId": self.settings.kms_key}
        return {name: value for name, value in given.items() if value}

    def check(self) -> None:
        """Lists one key."""
        with translated():
            self.client.list_objects_v2(Bucket=self.settings.bucket, Prefix=self.settings.prefix, MaxKeys=1)

    def size(self, key: str) -> int | None:
        """Bytes of an object, None where there is none. Raises Unavailable rather than wait for long."""
        with translated():
            try:
                return int(self._asking.head_object(**self.place(key))["ContentLength"])
            except FAILURES as error:
                if code_of(error) in ABSENT:
                    return None
                raise

    def get(self, key: str, offset_bytes: int = 0) -> dict[str, Any] | None:
        """boto3's answer with the object from a byte on, which must be one of it; None where there is none."""
        wanted = {"Range": f"bytes={offset_bytes}-"} if offset_bytes else {}
        with translated():
            try:
                answer: dict[str, Any] = self.client.get_object(**self.place(key), **wanted)
            except FAILURES as error:
                if code_of(error) in ABSENT:
                    return None
                raise
        return answer

    def put_new(self, key: str, body: bytes) -> None:
        """Makes an object, whose SHA-256 the bucket compares; where there is one, it stays."""
        with translated():
            try:
                self.client.put_object(
                    **self.place(key), Body=body, ChecksumSHA256=checksum(body), IfNoneMatch="*", **self.encryption
                )
            except FAILURES as error:
                if code_of(error) not in EXISTS:
                    raise

    def copy(self, source: str, target: str, size_bytes: int, etag: str) -> None:
        """Makes an object of another one, which must still be the one with that tag."""
        from boto3.s3.transfer import TransferConfig

        part_bytes = self.settings.copy_part_bytes
        # Only what one request does not copy is worth threads.
        config = TransferConfig(
            multipart_threshold=part_bytes, multipart_chunksize=part_bytes, use_threads=size_bytes >= part_bytes
        )
        with translated():
            self.client.copy(
                self.place(source),
                **self.place(target),
                ExtraArgs={"CopySourceIfMatch": etag, "ChecksumAlgorithm": "SHA256", **self.encryption},
                Config=config,
            )

    def items(self, below: str = "", after: str = "") -> Iterator[Item]:
        """Objects below the prefix and ``below``, beyond the key ``after``, in the order of their keys."""
        prefix = self.settings.prefix
        start = {"StartAfter": prefix + after} if after else {}
        with translated():
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.settings.bucket, Prefix=prefix + below, **start
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    yield Item(found["Key"].removeprefix(prefix), found["Size"], _micros(found["LastModified"]))

    def delete(self, keys: Sequence[str]) -> None:
        """Removes objects at once or raises Unavailable; it does not try again."""
        for start in range(0, len(keys), DELETE_AT_ONCE):
            named = [{"Key": self.settings.prefix + key} for key in keys[start : start + DELETE_AT_ONCE]]
            with translated():
                answer = self._removing.delete_objects(
                    Bucket=self.settings.bucket,
                    Delete={"Objects": named, "Quiet": True},
                    ChecksumAlgorithm="SHA256",
                )
                _raise_first(answer.get("Errors", ()))

    def uploads(self, below: str = "") -> Iterator[Upload]:
        """Unfinished uploads of keys below the prefix and ``below``."""
        prefix = self.settings.prefix
        with translated():
            pages = self.client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self.settings.bucket, Prefix=prefix + below
            )
            for page in pages:
                for found in page.get("Uploads", ()):
                    if found["Key"].startswith(prefix + below):
                        key = found["Key"].removeprefix(prefix)
                        yield Upload(key, found["UploadId"], _micros(found["Initiated"]))

    def begin(self, key: str, *, checksums: bool) -> Upload:
        """A new upload; with ``checksums`` the bucket wants the SHA-256 of every part."""
        algorithm = {"ChecksumAlgorithm": "SHA256"} if checksums else {}
        with translated():
            made = self.client.create_multipart_upload(**self.place(key), **algorithm, **self.encryption)
        return Upload(key, made["UploadId"], 0)

    def parts(self, upload: Upload) -> list[Part]:
        """What the bucket holds of it; nothing where it is gone."""
        with translated():
            try:
                pages = self.client.get_paginator("list_parts").paginate(**self._named(upload))
                return [_part(found) for page in pages for found in page.get("Parts", ())]
            except FAILURES as error:
                if code_of(error) in NO_UPLOAD:
                    return []
                raise

    def put_part(self, upload: Upload, number: int, body: bytes) -> Mapping[str, Any]:
        """Sends a part and gives what ``finish`` is told of it. Raises LookupError where the upload is gone."""
        with translated(), _gone():
            sent = checksum(body)
            made = self.client.upload_part(**self._named(upload), PartNumber=number, Body=body, ChecksumSHA256=sent)
        return {"PartNumber": number, "ETag": made["ETag"], "ChecksumSHA256": sent}

    def finish(self, upload: Upload, parts: Sequence[Mapping[str, Any]]) -> None:
        """Makes the object of exactly these parts; where there is one, it stays. Raises LookupError as ``put_part``."""
        with translated(), _gone():
            try:
                self.client.complete_multipart_upload(
                    **self._named(upload), MultipartUpload={"Parts": list(parts)}, IfNoneMatch="*"
                )
            except FAILURES as error:
                if code_of(error) not in EXISTS:
                    raise
                self.abort(upload)

    def abort(self, upload: Upload) -> None:
        """Ends an upload; one that is gone is no error."""
        with translated():
            try:
                self.client.abort_multipart_upload(**self._named(upload))
            except FAILURES as error:
                if code_of(error) not in NO_UPLOAD:
                    raise

    def refuses_wrong_checksums(self) -> bool:
        """Whether it compares checksums itself: it is sent a byte under the checksum of another one."""
        key = f"probe/{uuid4().hex}"
        with translated():
            try:
                self.client.put_object(**self.place(key), Body=b"a", ChecksumSHA256=checksum(b"b"), **self.encryption)
            except FAILURES as error:
                # Anything else, no permission for instance, is no answer to the question.
                if status_of(error) == 400:
                    return True
                raise
            self.client.delete_object(**self.place(key))
        return False

    def sign(self, method: str, **parameters: Any) -> str:
        """The address of a request that whoever holds it may send for a while."""
        with translated():
            url: str = self.client.generate_presigned_url(
                method, Params=parameters, ExpiresIn=self.settings.url_seconds
            )
        return url

    def _named(self, upload: Upload) -> dict[str, str]:
        return {**self.place(upload.key), "UploadId": upload.id}


@contextmanager
def _gone() -> Iterator[None]:
    """LookupError for an upload that somebody finished or ended meanwhile."""
    try:
        yield
    except FAILURES as error:
        if code_of(error) in NO_UPLOAD:
            raise LookupError from error
        raise


def _raise_first(errors: Sequence[Mapping[str, str]]) -> None:
    for error in errors:
        raise ClientError({"Error": {"Code": error["Code"], "Message": error.get("Message", "")}}, "DeleteObjects")


def _part(found: Mapping[str, Any]) -> Part:
    return Part(
        found["PartNumber"],
        found["Size"],
        found["ETag"],
        found.get("ChecksumSHA256", ""),
        _micros(found["LastModified"]),
    )


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
