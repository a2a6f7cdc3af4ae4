"""The built-in environments and their scenarios, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from distill.environments.base import Category, Scenario, Split, ToolEnvironment
from distill.environments.support_desk import scenarios as support_desk
from distill.environments.support_desk.environment import SupportDesk


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """An environment that ships with the service. ``generate`` takes split, category, count and seed."""

    create: Callable[[], ToolEnvironment]
    generate: Callable[[Split, Category, int, int], list[Scenario]]
    categories: tuple[Category, ...]


ENVIRONMENTS: Mapping[str, BuiltIn] = {
    support_desk.ENVIRONMENT: BuiltIn(SupportDesk, support_desk.generate, get_args(Category)),
}


class UnknownEnvironmentError(ValueError):
    """No environment has this name."""


def get_environment(name: str) -> ToolEnvironment:
    """A new, unshared environment; call ``reset`` before use.

    Raises:
        UnknownEnvironmentError: no environment has this name.
    """
    return _built_in(name).create()


def generate_scenarios(name: str, split: Split, category: Category, count: int, seed: int) -> list[Scenario]:
    """``count`` different scenarios of the named environment, a function of the arguments alone.

    Raises:
        UnknownEnvironmentError: no environment has this name.
        ValueError: there are fewer different ones.
    """
    return _built_in(name).generate(split, category, count, seed)


def _built_in(name: str) -> BuiltIn:
    if name not in ENVIRONMENTS:
        known = ", ".join(sorted(ENVIRONMENTS))
        raise UnknownEnvironmentError(f"there is no tool environment named {name!r}; use one of: {known}")
    return ENVIRONMENTS[name]
