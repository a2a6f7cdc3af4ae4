"""The words and texts that are shipped: those of the profiles, and nothing that is not verified."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from registry.duties.texts import OWN_COPY_ONLY, known_text
from registry.duties.wordings import display_lines, notice_of, wording_of
from registry.licensing import load_profiles
from registry.licensing.vocabulary import TermCode

ROOT = Path(__file__).parents[3]
PROFILES = list(load_profiles())


def detail_of(license_id: str, code: TermCode) -> list[str]:
    profile = load_profiles().get(license_id)
    return [each.detail for each in profile.conditions if each.code is code]


@pytest.mark.parametrize("license_id", ["llama3", "llama3.1", "llama3.2", "llama3.3", "llama4", "gemma"])
def test_shipped_notices_are_those_of_the_profiles(license_id: str) -> None:
    (detail,) = detail_of(license_id, TermCode.NOTICE_FILE)
    notice, confidence = notice_of(license_id, "", "unverified")
    assert notice
    assert notice in detail
    assert confidence == "verified"


@pytest.mark.parametrize(
    "license_id", ["llama3", "llama3.1", "llama3.2", "llama3.3", "llama4", "qwen", "qwen-research"]
)
def test_shipped_display_lines_are_those_of_the_profiles(license_id: str) -> None:
    (detail,) = detail_of(license_id, TermCode.DISPLAY_NOTICE)
    assert display_lines(license_id, "")
    assert all(line in detail for line in display_lines(license_id, ""))


def test_every_licence_that_asks_for_a_line_has_one() -> None:
    for profile in PROFILES:
        for detail in detail_of(profile.id, TermCode.DISPLAY_NOTICE):
            assert display_lines(profile.id, detail), profile.id


def test_words_of_other_licences_come_from_their_profile_or_not_at_all() -> None:
    quoted = 'a "Notice" file with "Made with Acme, 2026."'
    assert notice_of("acme-1.0", quoted, "secondary") == ("Made with Acme, 2026.", "secondary")
    assert notice_of("acme-1.0", '"Notice" text file: Made with Acme, 2026.', "secondary") == ("", "")
    assert notice_of("acme-1.0", "ship a notice", "secondary") == ("", "")
    assert wording_of("acme-1.0").text_from == ""


def test_where_a_line_must_be_shown_is_never_told_as_verified() -> None:
    told = [wording_of(profile.id) for profile in PROFILES if wording_of(profile.id).where_shown]
    assert told
    assert {wording.where_confidence for wording in told} == {"unverified"}


def test_shipped_texts_are_whole() -> None:
    apache, cc0 = known_text("apache-2.0"), known_text("cc0-1.0")
    assert apache is not None
    assert apache.content == (ROOT / "LICENSE").read_bytes()
    assert cc0 is not None
    # Of /usr/share/common-licenses/CC0-1.0 of Debian's base-files.
    assert hashlib.sha256(cc0.content).hexdigest() == CC0_SHA256
    assert {apache.confidence, cc0.confidence} == {"verified"}


CC0_SHA256 = "a2010f343487d3f7618affe54f789f5487602331c0a8d03f49e9a7c547cf0499"


@pytest.mark.parametrize("license_id", sorted(OWN_COPY_ONLY))
def test_no_general_text_stands_for_one_with_a_copyright_line(license_id: str) -> None:
    assert known_text(license_id) is None


def test_an_unknown_licence_has_no_text() -> None:
    assert known_text("acme-1.0") is None
