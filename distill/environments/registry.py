"""The built-in environments and their scenarios, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, get_args

from distill.environments.base import LEVELS, Category, Difficulty, Scenario, Split, ToolEnvironment
from distill.environments.calendar_mail.content import CONTENT as CALENDAR_MAIL
from distill.environments.scenarios import generation
from distill.environments.scenarios.content import Content
from distill.environments.shop.content import CONTENT as SHOP
from distill.environments.support_desk import scenarios as support_desk
from distill.environments.support_desk.content import CONTENT as SUPPORT_DESK
from distill.environments.workspace.content import CONTENT as WORKSPACE

_USUAL = LEVELS["medium"]


class Generate(Protocol):
    """Scenarios of one environment, a function of the arguments alone; None is the environment's usual difficulty."""

    def __call__(
        self, split: Split, category: Category, count: int, seed: int, difficulty: Difficulty | None = None
    ) -> list[Scenario]: ...


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """An environment that ships with the service."""

    create: Callable[[], ToolEnvironment]
    generate: Generate
    categories: tuple[Category, ...] = get_args(Category)


def _world(content: Content[Any]) -> BuiltIn:
    def generate(
        split: Split, category: Category, count: int, seed: int, difficulty: Difficulty | None = None
    ) -> list[Scenario]:
        return generation.generate(content, split, category, count, seed, difficulty or _USUAL)

    return BuiltIn(content.create, generate)


# From easy to hard. The first one is that of recipes that name none.
ENVIRONMENTS: Mapping[str, BuiltIn] = {
    SUPPORT_DESK.name: BuiltIn(SUPPORT_DESK.create, support_desk.generate),
    **{content.name: _world(content) for content in (CALENDAR_MAIL, WORKSPACE, SHOP)},
}


class UnknownEnvironmentError(ValueError):
    """No environment has this name."""


def get_environment(name: str) -> ToolEnvironment:
    """A new, unshared environment; call ``reset`` before use.

    Raises:
        UnknownEnvironmentError: no environment has this name.
    """
    return _built_in(name).create()


def generate_scenarios(
    name: str, split: Split, category: Category, count: int, seed: int, difficulty: Difficulty | None = None
) -> list[Scenario]:
    """``count`` different scenarios of the named environment, a function of the arguments alone.

    Without a difficulty they have the environment's usual one: the support desk's own, and medium in other worlds.

    Raises:
        UnknownEnvironmentError: no environment has this name.
        ValueError: there are fewer different ones.
    """
    return _built_in(name).generate(split, category, count, seed, difficulty)


def _built_in(name: str) -> BuiltIn:
    if name not in ENVIRONMENTS:
        known = ", ".join(sorted(ENVIRONMENTS))
        raise UnknownEnvironmentError(f"there is no tool environment named {name!r}; use one of: {known}")
    return ENVIRONMENTS[name]
