"""Ids of licences and bytes in other vocabularies."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.evidence.facts import FileFact, LicenceFact
from registry.evidence.identifiers import is_listed, root_digest, spdx_id
from registry.licensing import load_profiles

PATHS = st.lists(st.text("ab.-/", min_size=1).map(lambda text: text.strip("/") or "a"), unique=True, min_size=1)


def fact(license_id: str) -> LicenceFact:
    profile = load_profiles().get(license_id)
    return LicenceFact(id=license_id, known=True, spdx=profile.spdx or "", hub=profile.hf_id or "")


def content(path: str) -> FileFact:
    return FileFact(path, 1, hashlib.sha256(path.encode()).hexdigest())


@pytest.mark.parametrize(
    ("license_id", "expected"),
    [
        ("apache-2.0", "Apache-2.0"),
        ("llama3.1", "LicenseRef-spiritsafe-llama3.1"),
        ("unknown", "LicenseRef-spiritsafe-unknown"),
        ("my licence/2", "LicenseRef-spiritsafe-my-licence-2"),
    ],
)
def test_spdx_ids(license_id: str, expected: str) -> None:
    assert spdx_id(fact(license_id)) == expected
    assert is_listed(fact(license_id)) == (not expected.startswith("LicenseRef-"))


def test_root_digest_is_that_of_model_signing() -> None:
    """The value that model-signing 1.1.1 computes for a folder of these files; it puts a/b before a.b."""
    folder = {"config.json": "3\n", "a.b": "2\n", "z/x.txt": "4\n", "a/b": "1\n"}
    files = [FileFact(path, 2, hashlib.sha256(text.encode()).hexdigest()) for path, text in folder.items()]
    assert root_digest(files) == "0becc47bd9a7e39fbad91e0d1c65575b887e39181d590751a2a62eeeec521b4c"
    assert root_digest([]) == ""


@given(PATHS)
def test_root_digest_does_not_depend_on_the_order(paths: list[str]) -> None:
    files = [content(path) for path in paths]
    unique = {PurePosixPath(path).parts for path in paths}
    if len(unique) == len(paths):
        assert root_digest(files) == root_digest(files[::-1])
