"""Policies as documents: whole, or laid over a base; what is wrong is named."""

from __future__ import annotations

from typing import Any

import pytest

from registry.licensing import Policy, PolicyError

WHOLE = Policy().to_mapping()


def test_a_document_is_read_back() -> None:
    policy = Policy.from_document(WHOLE | {"nc_internal_use": "deny", "adapter_alone_is_derivative": False})
    assert Policy.from_document(policy.to_mapping()) == policy
    assert policy.to_mapping()["nc_internal_use"] == "deny"


def test_settings_are_laid_over_a_base() -> None:
    base = Policy.from_mapping({"nc_internal_use": "deny"})
    assert Policy.from_mapping({"unknown_license": "deny"}, base).to_mapping() == WHOLE | {
        "nc_internal_use": "deny",
        "unknown_license": "deny",
    }


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        (WHOLE | {"nc_outputs": "deny"}, "nc_outputs"),
        (WHOLE | {"nc_output_reach": "allow"}, "nc_output_reach"),
        (WHOLE | {"adapter_alone_is_derivative": 1}, "adapter_alone_is_derivative"),
        ({key: value for key, value in WHOLE.items() if key != "unknown_license"}, "unknown_license"),
        ({}, "nc_output_reach"),
    ],
)
def test_what_is_wrong_is_named(settings: dict[str, Any], setting: str) -> None:
    with pytest.raises(PolicyError, match=setting) as caught:
        Policy.from_document(settings)
    assert caught.value.setting == setting
