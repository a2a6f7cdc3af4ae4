"""What a manifest may declare."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.catalog.manifest import check_manifest, manifest_digest, weights_digest
from spiritsafe.errors import InvalidArgument
from spiritsafe.registry.v1.version_pb2 import FileEntry

SHA = "0123456789abcdef" * 4


def entry(path: str, size: int = 1, sha256: str = SHA) -> FileEntry:
    return FileEntry(path=path, size_bytes=size, sha256=sha256)


@pytest.mark.parametrize(
    "path",
    [
        "model-00001-of-00002.safetensors",
        "sub/folder/tokenizer.model",
        "chat_template.jinja",
        "Q4.GGUF",
        "LICENSE",
        "legal/NOTICE",
        "rows.parquet",
        "odd name ü.txt",
        "..notes.md",
    ],
)
def test_accepted_files(path: str) -> None:
    check_manifest([entry(path)])


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd.txt",
        "../up.json",
        "a/../../up.json",
        "a/..",
        "./a.json",
        "a//b.json",
        "a/",
        "a\\b.json",
        "..\\up.json",
        "C:/a.json",
        "C:a.json",
        "a\x00.json",
        "a\n.json",
        "x" * 600 + ".json",
    ],
)
def test_paths_that_leave_the_version_are_refused(path: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_manifest([entry("fine.json"), entry(path)])
    assert caught.value.reason == "UNSAFE_PATH"
    assert caught.value.violations[0].field == "version.files[1].path"


@pytest.mark.parametrize(
    "path", ["pytorch_model.bin", "a/weights.PT", "x.pth", "x.ckpt", "x.pkl", "x.pickle", "optimizer.npz"]
)
def test_pickles_are_refused_with_a_way_out(path: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_manifest([entry(path)])
    assert caught.value.reason == "UNSAFE_FORMAT"
    assert "safetensors" in caught.value.remedy


@pytest.mark.parametrize("path", ["run.py", "model", ".json", ".gitattributes", "LICENSE.exe", "x.safetensors.zip"])
def test_unknown_formats_are_refused(path: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_manifest([entry(path)])
    assert caught.value.reason == "UNSUPPORTED_FORMAT"


@pytest.mark.parametrize("sha256", ["", SHA.upper(), SHA[:-1], SHA + "0", "g" * 64, SHA + "\n"])
def test_digests_are_lower_case_sha256(sha256: str) -> None:
    with pytest.raises(InvalidArgument, match="64 lower-case"):
        check_manifest([entry("a.json", sha256=sha256)])


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_manifest([entry("a.json", size=-1)])
    assert caught.value.violations[0].field == "version.files[0].size_bytes"


def test_a_path_is_declared_once() -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_manifest([entry("a.json"), entry("a.json", size=2)])
    assert caught.value.reason == "DUPLICATE_PATH"


def test_a_path_cannot_be_file_and_folder() -> None:
    with pytest.raises(InvalidArgument, match="both a file and a folder"):
        check_manifest([entry("LICENSE"), entry("LICENSE/mit.txt")])


def test_the_digest_is_that_of_the_documented_canonical_form() -> None:
    canonical = f'[["a.json",2,"{SHA}"],["ü.txt",1,"{SHA}"]]'
    assert manifest_digest([entry("ü.txt"), entry("a.json", 2)]) == hashlib.sha256(canonical.encode()).hexdigest()


@given(st.permutations([entry("a.json"), entry("b/c.txt", 5), entry("b/d.md")]))
def test_the_order_of_files_does_not_matter(files: list[FileEntry]) -> None:
    assert manifest_digest(files) == manifest_digest(sorted(files, key=lambda file: file.path))


@pytest.mark.parametrize("changed", [entry("b.json"), entry("a.json", 2), entry("a.json", sha256=SHA[::-1])])
def test_every_fact_of_a_file_counts(changed: FileEntry) -> None:
    assert manifest_digest([changed]) != manifest_digest([entry("a.json")])


def test_what_has_no_files_has_no_digest() -> None:
    assert manifest_digest([]) == ""


def test_weights_are_told_by_their_digests_alone() -> None:
    first, second = (FileEntry(path=f"{one}.safetensors", size_bytes=1, sha256=one * 64) for one in "ab")
    expected = hashlib.sha256(f"{'a' * 64}\n{'b' * 64}\n".encode()).hexdigest()
    assert weights_digest([first, second]) == expected
    renamed = FileEntry(path="shards/0.GGUF", size_bytes=1, sha256="b" * 64)
    notes = FileEntry(path="README.md", size_bytes=1, sha256="c" * 64)
    assert weights_digest([notes, renamed, first]) == expected
    assert weights_digest([first]) != expected
    assert weights_digest([notes]) == ""
