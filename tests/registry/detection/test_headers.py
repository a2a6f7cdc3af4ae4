"""Headers of weights: read without their tensors, and whatever bytes come, never more than an error with a reason."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.detection import gguf, safetensors
from tests.registry.detection import files

TEXTS = st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=5)
METADATA = {"general.architecture": "llama", "general.license": "mit", "n": 7, "pi": 0.5, "flag": True}


def header_of(data: bytes) -> bytes:
    length = safetensors.header_length(data[:8], len(data))
    return data[8 : 8 + length]


@given(TEXTS)
def test_strings_of_a_real_safetensors_file_are_read(metadata: dict[str, str]) -> None:
    assert safetensors.metadata(header_of(files.safetensors(metadata))) == metadata


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is 0 bytes long"),
        (b"\x10\0\0\0\0\0\0\0{}", "announces a header of 16 bytes, but the file has 10"),
        (b"\xff" * 8, "announces a header of"),
        (b"\x02\0\0\0\0\0\0\0[]", "no JSON object"),
        (b"\x02\0\0\0\0\0\0\0{x", "not JSON"),
        (b"\x17\0\0\0\0\0\0\0" + b'{"__metadata__":{"a":1}}'[:23], "not JSON"),
        (b"\x18\0\0\0\0\0\0\0" + b'{"__metadata__":{"a":1}}', "no object of strings"),
    ],
)
def test_malformed_safetensors_headers_are_refused(data: bytes, problem: str) -> None:
    with pytest.raises(safetensors.HeaderError, match=problem.replace("[", r"\[")):
        safetensors.metadata(header_of(data))


def test_a_header_beyond_the_bound_is_not_read() -> None:
    with pytest.raises(safetensors.HeaderError, match="at most"):
        safetensors.header_length((safetensors.MAX_HEADER_BYTES + 1).to_bytes(8, "little"), 1 << 40)


def test_deep_nesting_is_no_recursion_error() -> None:
    with pytest.raises(safetensors.HeaderError):
        safetensors.metadata(b'{"__metadata__":' * 1 + b"[" * 100_000)


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_any_bytes_are_metadata_or_the_one_error(data: bytes) -> None:
    for read, error in ((safetensors.metadata, safetensors.HeaderError), (gguf.metadata, gguf.MetadataError)):
        for one in (data, b"GGUF" + data, b"GGUF\x03\0\0\0" + data):
            with suppress(error):
                assert isinstance(read(one), dict)


def test_metadata_of_gguf_is_read() -> None:
    written = {**METADATA, "tokens": ["a", "b"], "scores": [1, 2, 3]}
    expected = {**METADATA, "tokens": (["a", "b"], 2), "scores": ([1, 2, 3], 3)}
    for version in gguf.VERSIONS:
        assert gguf.metadata(files.gguf(written, version)) == expected


def test_long_arrays_are_cut_and_counted() -> None:
    words = [str(number) for number in range(gguf.KEPT_ELEMENTS + 5)]
    found = gguf.metadata(files.gguf({"words": words, "numbers": list(range(len(words))), "last": "x"}))
    for key in ("words", "numbers"):
        assert (len(found[key].first), found[key].length) == (gguf.KEPT_ELEMENTS, len(words))
    assert found["last"] == "x"


@given(st.integers(min_value=0, max_value=100))
@settings(max_examples=30)
def test_metadata_that_breaks_off_is_told_from_bad_metadata(cut: int) -> None:
    whole = files.gguf(METADATA)
    with pytest.raises(gguf.Truncated):
        gguf.metadata(whole[: min(cut, len(whole) - 1)])


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"PK\x03\x04" + bytes(30), "does not begin with GGUF"),
        (b"GGUF" + struct.pack("<IQQ", 9, 0, 0), "version 9"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60), "entries"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 60), "string of"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<I", 77), "unknown type 77"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 9, 1), "array of the type 9"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 8, 1 << 60), "ends within"),
    ],
)
def test_malformed_gguf_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(gguf.MetadataError, match=problem):
        gguf.metadata(data)


@given(st.data())
@settings(max_examples=100)
def test_a_damaged_gguf_file_is_never_more_than_an_error(data: st.DataObject) -> None:
    whole = bytearray(files.gguf({**METADATA, "tokens": ["a", "b"]}))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(4, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with suppress(gguf.MetadataError):
        assert isinstance(gguf.metadata(bytes(whole)), dict)
