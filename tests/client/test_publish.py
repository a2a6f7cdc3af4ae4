"""Publishing and downloading whole versions against a real registry: resumed, verified, confined to the folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from registry.home import open_home
from spiritsafe import publish
from spiritsafe.client import Client
from spiritsafe.errors import DataLoss, FailedPrecondition, InvalidArgument, SpiritsafeError
from spiritsafe.publish import download_version, folder_manifest, publish_once, publish_version
from spiritsafe.registry.v1 import licensing_pb2, model_pb2, version_pb2
from tests.registry.serving import serve

PARENT = "namespaces/default/models/m"
VERSION = version_pb2.Version(
    kind=version_pb2.VERSION_KIND_FULL, declared_licenses=licensing_pb2.LicenseSet(ids=["mit"])
)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    registry = open_home(tmp_path / "home")
    with ExitStack() as stack:
        stack.callback(registry.database.close)
        admin = serve(tmp_path / "home", registry, f"unix:{tmp_path}/s", stack).admin
        admin.models.CreateModel(model_pb2.CreateModelRequest(parent="namespaces/default", model_id="m"))
        yield admin


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    (made / "deep").mkdir(parents=True)
    (made / "config.json").write_text("{}")
    (made / "deep" / "rows.jsonl").write_bytes(b"x" * (publish.CHUNK_BYTES * 2 + 17))
    (made / "empty.txt").touch()
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_there_and_back(client: Client, folder: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    made = publish_version(client, PARENT, VERSION, folder, progress=lambda *told: seen.append(told))
    assert made.state == version_pb2.VERSION_STATE_READY
    assert [one.path for one in made.files] == ["config.json", "deep/rows.jsonl", "empty.txt"]
    size = (folder / "deep/rows.jsonl").stat().st_size
    assert ("deep/rows.jsonl", size, size) in seen
    assert contents(download_version(client, made.name, tmp_path / "copy")) == contents(folder)


def test_a_repeated_request_makes_one_version(client: Client, folder: Path) -> None:
    request = str(uuid4())
    first = publish_version(client, PARENT, VERSION, folder, request)
    assert publish_version(client, PARENT, VERSION, folder, request) == first


def test_equal_content_is_published_once(client: Client, folder: Path) -> None:
    first = publish_once(client, PARENT, VERSION, folder)
    assert publish_once(client, PARENT, VERSION, folder) == first
    declared = version_pb2.Version()
    declared.CopyFrom(VERSION)
    declared.declared_licenses.ids[:] = ["apache-2.0"]
    relicensed = publish_once(client, PARENT, declared, folder)
    (folder / "config.json").write_text("{ }")
    changed = publish_once(client, PARENT, VERSION, folder)
    assert [one.name for one in (first, relicensed, changed)] == [f"{PARENT}/versions/{number}" for number in (1, 2, 3)]


def test_what_was_deleted_since_is_published_again(client: Client, folder: Path) -> None:
    for number in (1, 2, 3):
        made = publish_once(client, PARENT, VERSION, folder)
        assert made.name == f"{PARENT}/versions/{number}"
        assert publish_once(client, PARENT, VERSION, folder) == made
        client.versions.DeleteVersion(version_pb2.DeleteVersionRequest(name=made.name))


def test_an_interrupted_upload_goes_on(client: Client, folder: Path) -> None:
    request = str(uuid4())

    def stop(path: str, _done: int, _total: int) -> None:
        if path.startswith("deep"):
            raise OSError("the disk is gone")

    with pytest.raises(SpiritsafeError):
        publish_version(client, PARENT, VERSION, folder, request, stop)
    seen: set[str] = set()
    made = publish_version(client, PARENT, VERSION, folder, request, lambda path, *_: seen.add(path))
    assert (made.name, made.state) == (f"{PARENT}/versions/1", version_pb2.VERSION_STATE_READY)
    assert "config.json" not in seen
    assert "deep/rows.jsonl" in seen


def test_a_download_goes_on_where_it_stopped_and_repairs(client: Client, folder: Path, tmp_path: Path) -> None:
    made = publish_version(client, PARENT, VERSION, folder)
    target = tmp_path / "copy"
    (target / "deep").mkdir(parents=True)
    (target / "deep" / "rows.jsonl.partial").write_bytes(b"x" * 100)
    (target / "config.json").write_text("damaged")
    seen: list[tuple[str, int, int]] = []
    download_version(client, made.name, target, lambda *told: seen.append(told))
    assert contents(target) == contents(folder)
    received = [done for path, done, _ in seen if path == "deep/rows.jsonl"]
    assert received[0] > 100


def test_a_partial_file_of_other_content_is_refused_and_removed(client: Client, folder: Path, tmp_path: Path) -> None:
    made = publish_version(client, PARENT, VERSION, folder)
    partial = tmp_path / "copy" / "deep" / "rows.jsonl.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"y" * 100)
    with pytest.raises(DataLoss, match="digest"):
        download_version(client, made.name, tmp_path / "copy")
    assert not partial.exists()
    assert not (tmp_path / "copy" / "deep" / "rows.jsonl").exists()


def test_drafts_are_not_downloaded(client: Client, folder: Path, tmp_path: Path) -> None:
    declared = version_pb2.Version()
    declared.CopyFrom(VERSION)
    declared.files.extend(folder_manifest(folder))
    draft = client.versions.CreateVersion(version_pb2.CreateVersionRequest(parent=PARENT, version=declared)).version
    with pytest.raises(FailedPrecondition, match="finalize"):
        download_version(client, draft.name, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(InvalidArgument) as caught:
            folder_manifest(folder)
        assert caught.value.violations[0].field == "folder"
