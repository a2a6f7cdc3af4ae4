"""The deployer's written policy on contested questions, with its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any


class PolicyError(ValueError):
    """A policy names an unknown setting or value."""


class PolicyChoice(StrEnum):
    """What to do where the law or a licence is unclear."""

    ALLOW = "allow"
    REVIEW = "review"
    DENY = "deny"


_CHOICES: dict[str, tuple[object, ...]] = {
    "nc_output_reach": ("review", "deny"),
    "nc_internal_use": ("review", "allow", "deny"),
    "unknown_license": ("review", "deny"),
    "adapter_alone_is_derivative": (True, False),
    "de_minimis": ("none",),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """Settings that decide contested questions; each default is the cautious reading.

    `adapter_alone_is_derivative=False` makes an `adapter` edge count as contested. `de_minimis` has one value: no share
    of rows is small enough to ignore.
    """

    nc_output_reach: PolicyChoice = PolicyChoice.REVIEW
    nc_internal_use: PolicyChoice = PolicyChoice.REVIEW
    unknown_license: PolicyChoice = PolicyChoice.REVIEW
    adapter_alone_is_derivative: bool = True
    de_minimis: str = "none"

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            # `1 == True` in Python, so the type is compared as well.
            if not any(value == choice and isinstance(value, type(choice)) for choice in _CHOICES[field.name]):
                allowed = ", ".join(str(choice).lower() for choice in _CHOICES[field.name])
                raise PolicyError(f"policy {field.name} is {value!r}; use one of: {allowed}")

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> Policy:
        """Read settings over the defaults.

        Raises:
            PolicyError: an unknown setting, or a value that it does not take.
        """
        unknown = sorted(set(settings) - set(_CHOICES))
        if unknown:
            raise PolicyError(f"policy has no setting {unknown[0]!r}; the settings are: {', '.join(_CHOICES)}")
        policy = cls(**settings)
        choices = {
            name: PolicyChoice(getattr(policy, name))
            for name in ("nc_output_reach", "nc_internal_use", "unknown_license")
        }
        return cls(**{**asdict(policy), **choices})

    def to_mapping(self) -> dict[str, str | bool]:
        """The settings as plain JSON values; `from_mapping` reads them back."""
        return {name: value if isinstance(value, bool) else str(value) for name, value in asdict(self).items()}
