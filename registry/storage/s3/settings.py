"""Where the bucket is and how it is used, from ``SPIRITSAFE_STORE`` and ``SPIRITSAFE_S3_*``. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from registry.errors import invalid

STORE_VARIABLE = "SPIRITSAFE_STORE"
_VARIABLES = "SPIRITSAFE_S3_"
_URL = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
_ENCRYPTIONS = ("", "AES256", "aws:kms", "aws:kms:dsse")
_FLAGS = {"": False, "0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}
# S3's own limits: at least 5 MiB for each part but the last, and at most 10,000 parts.
SMALLEST_PART_BYTES = 5 << 20
PART_BYTES = 16 << 20
MAX_PARTS = 10_000
# S3 itself copies up to 5 GiB at once; less is done before a request's time is over.
COPY_PART_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class S3Settings:
    """A bucket, and what goes with every request to it. Credentials are not here: boto3 finds them by itself.

    ``prefix`` is empty or ends with a slash. ``endpoint`` and ``region`` empty mean what boto3 takes then.
    """

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    path_style: bool = False
    encryption: str = ""  # of the x-amz-server-side-encryption header; empty leaves it to the bucket
    kms_key: str = ""
    part_bytes: int = PART_BYTES
    copy_part_bytes: int = COPY_PART_BYTES
    connect_seconds: float = 5.0
    read_seconds: float = 60.0
    tries: int = 5
    url_seconds: int = 900

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> S3Settings:
        """From the environment's variables. Raises InvalidArgument, naming the variable."""
        match = _URL.fullmatch(environment.get(STORE_VARIABLE, ""))
        if match is None:
            raise invalid(
                STORE_VARIABLE,
                f"{environment.get(STORE_VARIABLE, '')!r} is not of the form s3://BUCKET/PREFIX",
                remedy="name a bucket, or leave the variable out to keep artifacts in the home folder",
            )
        prefix = (match["prefix"] or "").strip("/")
        settings = cls(
            bucket=match["bucket"],
            prefix=f"{prefix}/" if prefix else "",
            endpoint=_value(environment, "ENDPOINT"),
            region=_value(environment, "REGION"),
            path_style=_flag(environment, "PATH_STYLE"),
            encryption=_value(environment, "SSE"),
            kms_key=_value(environment, "KMS_KEY"),
        )
        return _checked(settings)

    @property
    def location(self) -> str:
        """s3://BUCKET/PREFIX"""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def part_size(self, size_bytes: int) -> int:
        """Bytes of each part but the last for content of this size: whole MiB, so many that S3 takes all parts."""
        needed = -(-size_bytes // MAX_PARTS)
        return max(self.part_bytes, -(-needed // (1 << 20)) << 20)


def _checked(settings: S3Settings) -> S3Settings:
    if settings.encryption not in _ENCRYPTIONS:
        known = ", ".join(_ENCRYPTIONS[1:])
        raise invalid(f"{_VARIABLES}SSE", f"{settings.encryption!r} is none of {known}", remedy=f"set it to {known}")
    if settings.kms_key and not settings.encryption.startswith("aws:kms"):
        raise invalid(
            f"{_VARIABLES}KMS_KEY",
            "is used with encryption by KMS only",
            remedy=f"set {_VARIABLES}SSE to aws:kms, or leave the key out",
        )
    if settings.endpoint and not settings.endpoint.startswith(("http://", "https://")):
        raise invalid(f"{_VARIABLES}ENDPOINT", f"{settings.endpoint!r} is no http or https address")
    return settings


def _value(environment: Mapping[str, str], name: str) -> str:
    return environment.get(_VARIABLES + name, "").strip()


def _flag(environment: Mapping[str, str], name: str) -> bool:
    text = _value(environment, name).lower()
    if text not in _FLAGS:
        raise invalid(f"{_VARIABLES}{name}", f"{text!r} is neither true nor false")
    return _FLAGS[text]
