"""The registry's key: made once, private, and refused when damaged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from registry.home import open_home
from registry.signing import Signer
from spiritsafe.errors import FailedPrecondition, Unavailable
from spiritsafe.evidence import verify_envelope


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    first = Signer(path).key_id
    assert path.stat().st_mode & 0o777 == 0o600
    assert Signer(path).key_id == first
    assert [one.name for one in tmp_path.iterdir()] == ["signing.key"]


def test_opening_a_home_makes_no_key_before_it_is_needed(tmp_path: Path) -> None:
    registry = open_home(tmp_path / "home")
    registry.database.close()
    assert not (tmp_path / "home" / "signing.key").exists()
    assert len(registry.signer.key_id) == 64


def test_many_at_once_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: Signer(tmp_path / "signing.key").key_id, range(32)))
    assert len(ids) == 1


def test_what_is_signed_verifies(tmp_path: Path) -> None:
    signer = Signer(tmp_path / "signing.key")
    verified = verify_envelope(signer.sign("text/plain", b"spirit"), signer.public_key().public_key_pem)
    assert (verified.payload_type, verified.payload, verified.key_id) == ("text/plain", b"spirit", signer.key_id)


def test_a_damaged_key_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    path.write_text("rust")
    with pytest.raises(FailedPrecondition) as refused:
        Signer(path).public_key()
    assert refused.value.reason == "SIGNING_KEY_DAMAGED"
    assert path.read_text() == "rust"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refused:
        Signer(tmp_path / "gone" / "signing.key").public_key()
    assert refused.value.reason == "SIGNING_KEY_UNUSABLE"
