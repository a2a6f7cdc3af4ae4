"""Writing a bundle into a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from spiritsafe.bundles import write_bundle
from spiritsafe.errors import DataLoss, FailedPrecondition
from spiritsafe.registry.v1 import duty_pb2


def bundle(*paths: str) -> duty_pb2.Bundle:
    listed = ", ".join(f'{{"path": "{path}"}}' for path in paths)
    contents = {path: path.encode() for path in paths} | {"bundle.json": f'{{"files": [{listed}]}}'.encode()}
    files = [
        duty_pb2.BundleFile(path=path, content=content, sha256=hashlib.sha256(content).hexdigest())
        for path, content in contents.items()
    ]
    return duty_pb2.Bundle(files=files)


def below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_files_are_written_and_a_full_folder_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "legal"
    target.mkdir()
    write_bundle(bundle("NOTICE", "LICENSES/mit.txt"), target)
    assert (target / "LICENSES" / "mit.txt").read_bytes() == b"LICENSES/mit.txt"
    with pytest.raises(FailedPrecondition) as caught:
        write_bundle(bundle("NOTICE"), target)
    assert caught.value.reason == "TARGET_NOT_EMPTY"
    with pytest.raises(FailedPrecondition):
        write_bundle(bundle("NOTICE"), target / "NOTICE")


def test_overwriting_removes_what_only_the_earlier_bundle_had(tmp_path: Path) -> None:
    write_bundle(bundle("NOTICE", "LICENSES/mit.txt"), tmp_path)
    (tmp_path / "own.txt").write_text("mine")
    write_bundle(bundle("NOTICE", "CHANGES.md"), tmp_path, overwrite=True)
    assert below(tmp_path) == {"NOTICE", "CHANGES.md", "bundle.json", "own.txt"}


@pytest.mark.parametrize("listed", ["{", "[]", '{"files": 3}', '{"files": [{"path": 3}]}', "\xff"])
def test_overwriting_takes_no_word_from_a_list_of_another_form(tmp_path: Path, listed: str) -> None:
    (tmp_path / "bundle.json").write_text(listed, "latin-1")
    write_bundle(bundle("NOTICE"), tmp_path, overwrite=True)
    assert below(tmp_path) == {"NOTICE", "bundle.json"}


def test_an_earlier_list_removes_nothing_outside_of_the_folder(tmp_path: Path) -> None:
    target = tmp_path / "legal"
    target.mkdir()
    (tmp_path / "keep").write_text("mine")
    (target / "bundle.json").write_text('{"files": [{"path": "../keep"}]}')
    with pytest.raises(DataLoss):
        write_bundle(bundle("NOTICE"), target, overwrite=True)
    assert (tmp_path / "keep").read_text() == "mine"


def test_nothing_is_written_outside_of_the_folder_or_with_other_bytes(tmp_path: Path) -> None:
    target = tmp_path / "legal"
    with pytest.raises(DataLoss):
        write_bundle(bundle("../NOTICE"), target)
    damaged = bundle("NOTICE")
    damaged.files[0].content = b"other"
    with pytest.raises(DataLoss):
        write_bundle(damaged, target)
    assert below(tmp_path) == set()
