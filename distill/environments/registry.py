"""The built-in environments by name."""

from __future__ import annotations

from collections.abc import Callable

from distill.environments.base import ToolEnvironment
from distill.environments.support_desk.environment import SupportDesk

_ENVIRONMENTS: dict[str, Callable[[], ToolEnvironment]] = {"support_desk": SupportDesk}


class UnknownEnvironmentError(ValueError):
    """No environment has this name."""


def environment_names() -> tuple[str, ...]:
    """Names of the built-in environments."""
    return tuple(_ENVIRONMENTS)


def get_environment(name: str) -> ToolEnvironment:
    """A new, unshared environment; call ``reset`` before use.

    Raises:
        UnknownEnvironmentError: no environment has this name.
    """
    factory = _ENVIRONMENTS.get(name)
    if factory is None:
        known = ", ".join(sorted(_ENVIRONMENTS))
        raise UnknownEnvironmentError(f"there is no tool environment named {name!r}; use one of: {known}")
    return factory()
