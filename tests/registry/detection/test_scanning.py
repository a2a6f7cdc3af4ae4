"""Scans of real files in a real store, within their bounds; ScanCode's detector in its process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.detection import scancode
from registry.detection.observations import LicenseSeen, ParentNamed, Source
from registry.detection.reading import Limits
from registry.detection.scanning import NOT_INSTALLED
from registry.detection.texts import license_text
from tests.registry.detection import files
from tests.registry.detection.files import APACHE, scanned

CARD = b"""---
license: apache-2.0
base_model: Qwen/Qwen3-0.6B
datasets: [acme/rows]
---
"""
OWN_ID = b'---\nlicense: "deepseek-model-1.0"\n---\n'


def licenses(found: list[LicenseSeen]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.file, one.source.value, one.licenses) for one in found]


def test_every_kind_of_file_is_read(tmp_path: Path) -> None:
    found = scanned(
        tmp_path,
        {
            "LICENSE": APACHE,
            "README.md": CARD,
            "model.safetensors": files.safetensors({"license": "mit", "base_model": "acme/other"}),
            "model.gguf": files.gguf({"general.license": "llama3.1", "general.architecture": "llama"}),
            **files.identity_of("llama3"),
        },
    )
    assert licenses(found.licenses) == [
        ("LICENSE", "text", ("apache-2.0",)),
        ("README.md", "claim", ("apache-2.0",)),
        ("model.gguf", "claim", ("llama3.1",)),
        ("model.safetensors", "claim", ("mit",)),
    ]
    assert found.parents == [
        ParentNamed("README.md", "Qwen/Qwen3-0.6B", "base_model"),
        ParentNamed("README.md", "acme/rows", "dataset"),
        ParentNamed("model.safetensors", "acme/other", "base_model"),
    ]
    assert [one.fingerprint for one in found.families] == ["llama3-tokens"]
    assert (found.malformed, found.not_looked_at, found.files) == ([], [], 8)


def test_gguf_names_licences_parents_and_family(tmp_path: Path) -> None:
    metadata = {
        "general.architecture": "qwen3",
        "general.license": "other",
        "general.license.name": "qwen-research",
        "general.base_model.count": 2,
        "general.base_model.0.name": "Qwen2.5 3B",
        "general.base_model.0.organization": "Qwen",
        "general.base_model.0.repo_url": "https://huggingface.co/Qwen/Qwen2.5-3B",
        "general.base_model.1.name": "Other\x00\nModel",
        "general.datasets": ["acme/rows"],
        "tokenizer.ggml.tokens": ["a", "b"],
        "tokenizer.chat_template": "<|im_start|>user<|im_end|><|endoftext|>",
    }
    found = scanned(tmp_path, {"model.gguf": files.gguf(metadata)})
    assert licenses(found.licenses) == [("model.gguf", "claim", ("qwen-research",))]
    assert [one.name for one in found.parents] == ["Qwen/Qwen2.5-3B", "Other  Model", "acme/rows"]
    assert [(one.file, one.fingerprint) for one in found.families] == [("model.gguf", "qwen3")]


def test_metadata_beyond_the_first_piece_is_read(tmp_path: Path) -> None:
    long = {"general.architecture": "llama", "words": ["x" * 100] * 15_000, "general.license": "mit"}
    assert licenses(scanned(tmp_path, {"m.gguf": files.gguf(long)}).licenses) == [("m.gguf", "claim", ("mit",))]
    bounded = scanned(tmp_path, {"m.gguf": files.gguf(long)}, limits=Limits(gguf_bytes=1 << 20))
    assert (bounded.licenses, bounded.malformed) == ([], [])
    assert "its metadata is longer than 1048576 bytes" in bounded.not_looked_at[0]


def test_our_own_ids_are_understood_in_cards(tmp_path: Path) -> None:
    found = scanned(tmp_path, {"README.md": OWN_ID})
    assert licenses(found.licenses) == [("README.md", "claim", ("deepseek-model-1.0",))]


def test_shards_say_a_thing_once(tmp_path: Path) -> None:
    shards = {f"model-{number}.safetensors": files.safetensors({"license": "mit"}) for number in range(3)}
    assert len(scanned(tmp_path, shards).licenses) == 1


@pytest.mark.parametrize(
    ("path", "content", "problem"),
    [
        ("model.safetensors", b"text", "bytes of length"),
        ("model.gguf", b"GGUF\x03\0\0\0", "ends within its metadata"),
        ("config.json", b"{", "not JSON"),
        ("tokenizer.json", b"[]", "no JSON object"),
        ("README.md", b"---\n: [\n---\n", "not YAML"),
        ("LICENSE", b"\0\1\2", "zero bytes"),
    ],
)
def test_a_malformed_file_is_told_and_stops_nothing(tmp_path: Path, path: str, content: bytes, problem: str) -> None:
    found = scanned(tmp_path, {path: content, "COPYING.txt": APACHE})
    assert [(one.file, problem in one.problem) for one in found.malformed] == [(path, True)]
    assert licenses(found.licenses) == [("COPYING.txt", "text", ("apache-2.0",))]


@given(
    st.binary(max_size=120), st.sampled_from(["a.gguf", "a.safetensors", "config.json", "README.md", "tokenizer.json"])
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_breaks_a_scan(tmp_path: Path, content: bytes, path: str) -> None:
    prefix = {"a.gguf": b"GGUF\x03\0\0\0", "README.md": b"---\n"}.get(path, b"")
    assert scanned(tmp_path, {path: prefix + content}).files == 1


def test_what_the_bounds_leave_out_is_told(tmp_path: Path) -> None:
    content = {"LICENSE": APACHE, "NOTICE": b"none", "README.md": CARD}
    assert "more than the 100 of a text" in scanned(tmp_path, content, limits=Limits(text_bytes=100)).not_looked_at[0]
    assert "bytes were used up" in scanned(tmp_path, content, limits=Limits(total_bytes=5)).not_looked_at[0]
    assert "1 files from NOTICE on" in scanned(tmp_path, content, limits=Limits(texts=1)).not_looked_at[0]
    config = {"config.json": b"{}"}
    assert "more than the 1 of its kind" in scanned(tmp_path, config, limits=Limits(json_bytes=1)).not_looked_at[0]
    times = iter(range(0, 1000, 15))
    late = scanned(tmp_path, content, clock=lambda: float(next(times)))
    assert (len(late.licenses), late.not_looked_at) == (1, ["the remaining files: the scan's 20 s were over"])


def test_the_detector_tells_texts_that_the_digests_do_not_know(tmp_path: Path) -> None:
    """One process for all: its index is read once."""
    mit, qwen = license_text("mit") or "", license_text("qwen") or ""
    content = {
        "LICENSE": f"This model is released under these terms:\n\n{mit}\nHave fun.",
        "LICENSE-changed.txt": qwen.replace("100 million", "7"),
        "COPYING.txt": "Ask your grandmother whether you may use it.",
        "LICENSE-sspl.txt": scancode.text_of("mongodb-sspl-1.0") or "",
    }
    found = scanned(tmp_path, {path: text.encode() for path, text in content.items()})
    seen = {one.file: one for one in found.licenses}
    assert (seen["LICENSE"].licenses, seen["LICENSE"].says) == (("mit",), "mit")
    assert "scancode-toolkit-mini" in seen["LICENSE"].detector
    # Near is not enough, one clause may be another: it is shown, and identifies nothing.
    assert seen["LICENSE-changed.txt"].licenses == ()
    assert "nearest known: qwen-2024" in seen["LICENSE-changed.txt"].says
    assert (seen["COPYING.txt"].licenses, seen["COPYING.txt"].confidence) == ((), "not identified")
    # A known licence without a profile here.
    assert (seen["LICENSE-sspl.txt"].licenses, seen["LICENSE-sspl.txt"].says) == ((), "mongodb-sspl-1.0")
    assert all(one.source is Source.TEXT for one in found.licenses)


def test_a_text_is_looked_at_once() -> None:
    text = "Words that no other test shows to the detector.\n"
    first = scancode.detect({"LICENSE": text})
    assert scancode.detect({"elsewhere/LICENSE": text}, timeout_seconds=0.0) == {"elsewhere/LICENSE": first["LICENSE"]}


def test_a_detector_that_takes_too_long_is_stopped() -> None:
    with pytest.raises(scancode.DetectorError, match=r"stopped after 0\.05 s"):
        scancode.detect({"a": "b"}, timeout_seconds=0.05)


def test_without_the_extra_the_digests_still_work(tmp_path: Path) -> None:
    """In an interpreter that finds no ScanCode."""
    script = (
        "import sys; sys.modules['licensedcode'] = None\n"
        "from pathlib import Path\n"
        "from tests.registry.detection.files import APACHE, scanned\n"
        "from registry.detection.texts import license_text\n"
        "found = scanned(Path(sys.argv[1]), {'LICENSE': APACHE, 'COPYING.txt': b'terms of my own'})\n"
        "assert [one.licenses for one in found.licenses] == [('apache-2.0',), ()], found\n"
        "assert license_text('mit') is None\n"
        "print(found.not_looked_at[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, cwd=files.ROOT)
    assert (done.stdout.strip(), done.stderr) == (NOT_INSTALLED, "")
