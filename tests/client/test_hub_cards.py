"""How cards on a hub name licences."""

from __future__ import annotations

import pytest

from registry.licensing import load_profiles
from spiritsafe.hub.cards import HubLicense, lacks_link, license_fields


@pytest.mark.parametrize(
    ("license_id", "word", "name"),
    [
        ("cc-by-nc-4.0", "cc-by-nc-4.0", "cc-by-nc-4.0"),
        ("deepseek-model-1.0", "other", "deepseek"),
        ("qwen-research", "other", "qwen-research"),
        ("openrail-m", "other", "openrail-m"),
        ("unknown", "unknown", "unknown"),
    ],
)
def test_words_of_the_hub(license_id: str, word: str, name: str) -> None:
    profile = load_profiles().get(license_id)
    licence = HubLicense(license_id, profile.hf_id or "")
    assert (licence.word, licence.name) == (word, name)


def test_a_link_is_given_only_where_the_file_is_there() -> None:
    several = [HubLicense("mit", "mit"), HubLicense("apache-2.0", "apache-2.0")]
    linked = license_fields(several, ["README.md", "LICENSE.txt"])
    assert linked == {"license": "other", "license_name": "mit-and-apache-2.0", "license_link": "LICENSE.txt"}
    assert lacks_link(license_fields(several, ["README.md"]))
    assert not lacks_link(license_fields(several[:1], []))
