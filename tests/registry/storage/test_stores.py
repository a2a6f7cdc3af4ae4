"""Which store the environment asks for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from registry.context import Registry
from registry.home import open_home
from registry.storage.local_store import LocalStore
from registry.storage.s3.settings import MAX_PARTS, PART_BYTES, S3Settings
from registry.storage.s3.store import S3Store
from registry.storage.stores import open_store
from spiritsafe.errors import InvalidArgument

STORE = {"SPIRITSAFE_STORE": "s3://spirits/some/prefix/"}
OPENS_A_LOCAL_HOME = """
import sys
from pathlib import Path
from registry.home import open_home
open_home(Path(sys.argv[1])).database.close()
print([name for name in ("boto3", "botocore") if name in sys.modules])
"""


def test_without_a_setting_it_is_the_home(tmp_path: Path, registry: Registry) -> None:
    assert isinstance(open_store(tmp_path, {"SPIRITSAFE_STORE": ""}), LocalStore)
    assert isinstance(registry.store, LocalStore)


def test_a_local_home_loads_no_boto3(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPENS_A_LOCAL_HOME, str(tmp_path / "home")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_bucket_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "SPIRITSAFE_S3_ENDPOINT": "https://objects.example.com",
        "SPIRITSAFE_S3_PATH_STYLE": "true",
        "SPIRITSAFE_S3_SSE": "aws:kms",
        "SPIRITSAFE_S3_KMS_KEY": "alias/spirits",
        "SPIRITSAFE_S3_REGION": "eu-central-1",
    }
    assert S3Settings.read(STORE | given) == S3Settings(
        bucket="spirits",
        prefix="some/prefix/",
        endpoint="https://objects.example.com",
        region="eu-central-1",
        path_style=True,
        encryption="aws:kms",
        kms_key="alias/spirits",
    )
    for name, value in STORE.items():
        monkeypatch.setenv(name, value)
    opened = open_home(tmp_path / "home")
    opened.database.close()
    assert isinstance(opened.store, S3Store)
    assert opened.store.location == "s3://spirits/some/prefix"
    assert not (tmp_path / "home" / "blobs").exists()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SPIRITSAFE_STORE", "/srv/blobs"),
        ("SPIRITSAFE_STORE", "s3://"),
        ("SPIRITSAFE_STORE", "s3://Not_A_Bucket/x"),
        ("SPIRITSAFE_S3_SSE", "rot13"),
        ("SPIRITSAFE_S3_KMS_KEY", "alias/without-kms"),
        ("SPIRITSAFE_S3_PATH_STYLE", "perhaps"),
        ("SPIRITSAFE_S3_ENDPOINT", "objects.example.com"),
    ],
)
def test_a_setting_that_cannot_be_is_named(tmp_path: Path, variable: str, value: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        open_store(tmp_path, STORE | {variable: value})
    assert caught.value.violations[0].field == variable


@pytest.mark.parametrize("size", [1, PART_BYTES, 1 << 40, 5 << 40])
def test_content_of_any_size_fits_into_the_parts_that_s3_takes(size: int) -> None:
    part = S3Settings("spirits").part_size(size)
    assert part >= PART_BYTES
    assert part % (1 << 20) == 0
    assert -(-size // part) <= MAX_PARTS
