"""The deployer's written policy on contested questions, with its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any


class PolicyError(ValueError):
    """A policy names an unknown setting or value, or leaves a setting out; `setting` is its name."""

    def __init__(self, message: str, setting: str) -> None:
        super().__init__(message)
        self.setting = setting


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
                raise PolicyError(f"policy {field.name} is {value!r}; use one of: {allowed}", field.name)

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any], base: Policy | None = None) -> Policy:
        """Read settings over those of a base, by default over the defaults.

        Raises:
            PolicyError: an unknown setting, or a value that it does not take.
        """
        unknown = sorted(set(settings) - set(_CHOICES))
        if unknown:
            known = ", ".join(_CHOICES)
            raise PolicyError(f"policy has no setting {unknown[0]!r}; the settings are: {known}", unknown[0])
        policy = cls(**{**asdict(base or cls()), **settings})
        choices = {
            name: PolicyChoice(getattr(policy, name))
            for name in ("nc_output_reach", "nc_internal_use", "unknown_license")
        }
        return cls(**{**asdict(policy), **choices})

    @classmethod
    def from_document(cls, settings: Mapping[str, Any]) -> Policy:
        """Read a whole settings document, in which nothing is left to a default.

        Raises:
            PolicyError: as `from_mapping`, or a setting is left out.
        """
        policy = cls.from_mapping(settings)
        if missing := [name for name in _CHOICES if name not in settings]:
            allowed = ", ".join(str(choice).lower() for choice in _CHOICES[missing[0]])
            raise PolicyError(f"policy lacks the setting {missing[0]!r}; use one of: {allowed}", missing[0])
        return policy

    def to_mapping(self) -> dict[str, str | bool]:
        """The settings as plain JSON values; `from_mapping` reads them back."""
        return {name: value if isinstance(value, bool) else str(value) for name, value in asdict(self).items()}
