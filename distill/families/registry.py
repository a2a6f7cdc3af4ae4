"""Which families the service knows, and which one a model's configuration belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from distill.families.base import Family
from distill.families.gemma4 import Gemma4
from distill.families.llama3 import Llama3
from distill.families.qwen3 import Qwen3
from distill.families.xlam import Xlam

Role = Literal["teacher", "student"]
# By role, because a Llama may be an xLAM-1 teacher or a Llama 3 student: its class alone does not say which.
_FAMILIES: Mapping[Role, tuple[Family, ...]] = {"teacher": (Xlam(),), "student": (Qwen3(), Llama3(), Gemma4())}
FAMILIES: Mapping[str, Family] = {family.name: family for group in _FAMILIES.values() for family in group}


class UnknownFamilyError(ValueError):
    """A model that no known family accepts."""


def family_named(name: str) -> Family:
    """Return the family called ``name``.

    Raises:
        UnknownFamilyError: there is none; the message lists the known names.
    """
    if name not in FAMILIES:
        raise UnknownFamilyError(f"unknown model family {name!r}; known families: {', '.join(FAMILIES)}")
    return FAMILIES[name]


def family_names(role: Role) -> tuple[str, ...]:
    """Names of the families that models of this role may belong to."""
    return tuple(family.name for family in _FAMILIES[role])


def family_for(config: Mapping[str, Any], role: Role = "student") -> Family:
    """Return the first family of this role that accepts a parsed ``config.json``.

    Raises:
        UnknownFamilyError: there is none.
    """
    for family in _FAMILIES[role]:
        if family.accepts(config):
            return family
    known = sorted(name for family in _FAMILIES[role] for name in family.architectures)
    raise UnknownFamilyError(
        f"no known {role} family has the architectures {sorted(config.get('architectures') or ())}; "
        f"choose a base with one of {known}"
    )
