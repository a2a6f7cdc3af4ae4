"""Environments from their definitions. For the sandbox's process only: it runs code that is not ours."""

from __future__ import annotations

from collections.abc import Mapping

from distill.environments.base import ToolEnvironment
from distill.environments.definitions import Definition, PythonModule
from distill.environments.registry import get_environment


def create_environment(definitions: Mapping[str, Definition], name: str) -> ToolEnvironment:
    """The environment of this name: one of ``definitions``, or else a built-in world.

    Raises:
        UnknownEnvironmentError: there is none.
        UserModuleError: a module cannot be imported, or creates no environment.
    """
    definition = definitions.get(name)
    if definition is None:
        return get_environment(name)
    if isinstance(definition, PythonModule):
        from distill.environments.user_module import UserEnvironment

        return UserEnvironment(definition)
    # It takes longer to import than anything else here, and the other environments do without.
    from distill.environments.mcp_server import McpEnvironment

    return McpEnvironment(definition)
