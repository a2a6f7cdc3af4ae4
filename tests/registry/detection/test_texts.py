"""Licence texts: known ones by their words, and the text of a licence by its profile."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.catalog import legal_files
from registry.catalog.legal_files import kind_of
from registry.catalog.manifest import path_problem
from registry.detection import digests, scancode, texts
from registry.detection.texts import identify, license_text
from registry.duties.facts import Paper
from registry.licensing import load_profiles
from tests.registry.detection.files import APACHE

APACHE_TEXT = APACHE.decode()
RESEARCH = "Qwen RESEARCH LICENSE AGREEMENT\nNon-Commercial shall mean for research or evaluation purposes only.\n"


def licenses(path: str, text: str) -> tuple[str, ...] | None:
    seen = identify(path, text)
    return None if seen is None else seen.licenses


def test_the_licence_of_this_repository_is_known() -> None:
    seen = identify("LICENSE", APACHE_TEXT)
    assert seen is not None
    assert (seen.licenses, seen.says, seen.detector) == (("apache-2.0",), "apache-2.0", texts.DIGEST_DETECTOR)


@pytest.mark.parametrize("profile_id", ["apache-2.0", "mit", "llama3.1", "gemma", "deepseek-model-1.0", "qwen"])
def test_every_text_that_we_give_is_one_that_we_know(profile_id: str) -> None:
    text = license_text(profile_id)
    assert text is not None
    assert licenses("LICENSE.txt", text) == (profile_id,)


def test_layout_and_the_copyright_line_do_not_matter() -> None:
    text = license_text("mit") or ""
    filled = f"MIT License\n\nCopyright (c) 2026 Ada Example\n\n{text}"
    assert licenses("LICENSE", filled) == ("mit",)
    assert licenses("LICENSE", textwrap.indent(filled.replace("\n", "\r\n"), "  ")) == ("mit",)
    assert licenses("LICENSE", APACHE_TEXT.partition("APPENDIX: How to apply")[0]) == ("apache-2.0",)


@given(st.integers(min_value=0, max_value=len(APACHE_TEXT.split()) - 1))
def test_a_text_with_another_word_is_not_the_known_one(index: int) -> None:
    words = APACHE_TEXT.split()
    words[index] = "otherwise"
    assert licenses("LICENSE", " ".join(words)) is None


def test_the_research_licence_of_qwen_is_not_taken_for_the_commercial_one() -> None:
    """ScanCode took its text for qwen-2024: the words that only it has decide first."""
    other = (license_text("qwen") or "").replace("Qwen LICENSE", "Qwen RESEARCH LICENSE")
    assert licenses("LICENSE", RESEARCH + other) == ("qwen-research",)
    assert licenses("LICENSE", license_text("qwen") or "") == ("qwen",)
    assert licenses("README.md", RESEARCH) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Llama 3.1 is licensed under the Llama 3.1 Community License, Copyright © Meta Platforms, Inc.", "llama3.1"),
        ("Llama 3.2 is licensed under the Llama 3.2\nCommunity License, Copyright (c) Meta Platforms", "llama3.2"),
        ("Meta Llama 3 is licensed under the Meta Llama 3 Community License, Copyright", "llama3"),
        ("Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms", "gemma"),
    ],
)
def test_notices_name_their_licence(text: str, expected: str) -> None:
    assert licenses("NOTICE", text) == (expected,)
    assert licenses("LICENSE", text) is None


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("LICENSE", legal_files.LICENSE),
        ("licence.md", legal_files.LICENSE),
        ("LICENSE-MODEL.txt", legal_files.LICENSE),
        ("third/COPYING.txt", legal_files.LICENSE),
        ("NOTICE.txt", legal_files.NOTICE),
        ("USE_POLICY.md", legal_files.POLICY),
        ("LICENSE-MODEL", legal_files.LICENSE),
        ("LICENSE-CODE", legal_files.LICENSE),
        ("license-apache-2.0", legal_files.LICENSE),
        ("Licence", legal_files.LICENSE),
        ("MODEL_LICENSE", legal_files.LICENSE),
        ("COPYING", legal_files.LICENSE),
        ("THIRD-PARTY-NOTICES", legal_files.NOTICE),
        ("use_policy", legal_files.POLICY),
        ("LICENSE.exe", ""),
        ("LICENSE.bin", ""),
        ("licensed_models.txt", ""),
        ("license_counts.json", ""),
        ("README.md", ""),
        ("LICENSE/config.json", ""),
    ],
)
def test_names_of_licence_files(path: str, kind: str) -> None:
    assert kind_of(path) == kind
    if kind:
        assert path_problem(path) is None
        assert Paper(path, b"").is_license == (kind == legal_files.LICENSE)


@pytest.mark.parametrize(
    ("profile_id", "key"),
    [("llama4", "llama-4-cla-2025"), ("deepseek-model-1.0", "deepseek-la-1.0"), ("gemma", "gemma-tou-2024-04-01")],
)
def test_profiles_name_their_key_in_the_licence_index(profile_id: str, key: str) -> None:
    assert load_profiles().get(profile_id).scancode == f"LicenseRef-scancode-{key}"
    assert scancode.text_of(key)
    assert texts.profiles_of(key, "") == (profile_id,)


def test_the_index_has_no_text_of_llama_3() -> None:
    assert load_profiles().get("llama3").scancode is None
    assert license_text("llama3") is None


def test_a_key_without_a_profile_is_never_a_guess() -> None:
    assert texts.profiles_of("sspl-1.0", "SSPL-1.0") == ()
    assert texts.profiles_of("bsd-new", "BSD-3-Clause") == ("bsd-3-clause",)
    assert license_text("no-such-licence") is None
    assert scancode.text_of("../../index") is None


def test_every_name_in_the_data_has_a_profile() -> None:
    raw = texts._texts()
    named = {*raw.keys.values(), *(marker.license for marker in raw.markers)}
    assert named <= {profile.id for profile in load_profiles()}


def test_the_shipped_digests_are_those_of_the_installed_texts() -> None:
    assert digests.compute() == digests.shipped(), "run python -m registry.detection.digests"
