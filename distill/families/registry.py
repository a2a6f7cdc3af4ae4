"""Which families the service knows, and which one a model's configuration belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

from distill.families.base import Family
from distill.families.gemma4 import Gemma4
from distill.families.llama3 import Llama3
from distill.families.qwen3 import Qwen3
from distill.families.teachers import TeacherFamily
from distill.families.xlam import Xlam, XlamFc, XlamMistral
from distill.families.xlam2 import Xlam2Llama, Xlam2Qwen

Role = Literal["teacher", "student"]
AnyFamily = TypeVar("AnyFamily", bound=Family)
# By role, because a Llama may be an xLAM teacher or a Llama 3 student: its class alone does not say which. Among the
# teachers the size of the vocabulary does, from the largest down.
_TEACHERS: tuple[TeacherFamily, ...] = (Xlam2Qwen(), Xlam2Llama(), XlamFc(), XlamMistral(), Xlam())
_FAMILIES: Mapping[Role, tuple[Family, ...]] = {
    "teacher": _TEACHERS,
    "student": (Qwen3(), Llama3(), Gemma4()),
}
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
    return _first_of(_FAMILIES[role], config, role)


def teacher_family_named(name: str) -> TeacherFamily:
    """As ``family_named``, of teachers."""
    for family in _TEACHERS:
        if family.name == name:
            return family
    raise UnknownFamilyError(f"unknown teacher family {name!r}; known families: {', '.join(family_names('teacher'))}")


def teacher_family_for(config: Mapping[str, Any]) -> TeacherFamily:
    """As ``family_for``, of teachers."""
    return _first_of(_TEACHERS, config, "teacher")


def _first_of(families: Sequence[AnyFamily], config: Mapping[str, Any], role: Role) -> AnyFamily:
    for family in families:
        if family.accepts(config):
            return family
    known = sorted(name for family in families for name in family.architectures)
    raise UnknownFamilyError(
        f"no known {role} family has the architectures {sorted(config.get('architectures') or ())}; "
        f"choose a base with one of {known}"
    )
