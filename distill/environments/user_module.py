"""A user's Python module as an environment. For the sandbox's process only."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from distill.environments.base import ToolEnvironment, ToolError, ToolOutcome, ToolSuccess
from distill.environments.definitions import PythonModule
from distill.environments.execution import close
from distill.trajectories.types import JsonValue, ToolCall, ToolSpec

_METHODS = ("reset", "tools", "call", "state")


class UserModuleError(Exception):
    """A user's module does not do what it must. The message names the place in it."""


class UserEnvironment:
    """What a module's factory creates, held to the protocol: what it returns is checked, and errors are told with
    their place.
    """

    def __init__(self, definition: PythonModule) -> None:
        self._source = definition.source
        module = _imported(definition.source)
        factory: Callable[[], ToolEnvironment] | None = getattr(module, definition.factory, None)
        if not callable(factory):
            raise UserModuleError(f"{definition.source} has no function {definition.factory}()")
        self._inner: ToolEnvironment = self._ask(factory)
        missing = [
            name for name in ("reset", "tools", "call", "state") if not callable(getattr(self._inner, name, None))
        ]
        if missing:
            made = type(self._inner).__name__
            raise UserModuleError(f"{definition.source}: {definition.factory}() made a {made} without {missing[0]}()")

    def reset(self, seed: int) -> None:
        self._ask(self._inner.reset, seed)

    def tools(self) -> tuple[ToolSpec, ...]:
        tools = tuple(self._ask(self._inner.tools))
        self._check(all(isinstance(tool, ToolSpec) for tool in tools), "tools", "a tuple of ToolSpec", tools)
        return tools

    def call(self, call: ToolCall) -> ToolOutcome:
        outcome: ToolOutcome = self._ask(self._inner.call, call)
        self._check(isinstance(outcome, ToolSuccess | ToolError), "call", "ToolSuccess or ToolError", outcome)
        return outcome

    def state(self) -> dict[str, JsonValue]:
        state: dict[str, JsonValue] = self._ask(self._inner.state)
        self._check(isinstance(state, dict), "state", "a dict", state)
        return state

    def close(self) -> None:
        """Close what was created, where it can be closed."""
        self._ask(close, self._inner)

    def _ask(self, method: Callable[..., Any], *arguments: object) -> Any:
        try:
            return method(*arguments)
        except (MemoryError, OSError):
            raise
        except Exception as error:
            raise UserModuleError(_told(error, self._source)) from error

    def _check(self, right: bool, method: str, expected: str, found: object) -> None:
        if not right:
            raise UserModuleError(
                f"{self._source}: {method}() returned {type(found).__name__}, and must return {expected}"
            )


@lru_cache
def _imported(source: str) -> ModuleType:
    """The module, with its folder first on the path of modules, as Python has it for a program.

    Raises:
        UserModuleError: naming file and line.
    """
    try:
        return _from_file(Path(source)) if source.endswith(".py") else importlib.import_module(source)
    except Exception as error:
        raise UserModuleError(f"cannot be imported: {_told(error, source)}") from error


def _from_file(path: Path) -> ModuleType:
    # A name that hides no installed module.
    name = f"spiritsafe_user_environment_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))
    # Its folder is the user's, and what is compiled there is taken for current for a second.
    sys.dont_write_bytecode = True
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _told(error: Exception, source: str) -> str:
    """The error with the innermost place in the user's own file, or else where it was raised."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).name == Path(source).name] or frames[-1:]
    return f"{own[-1].filename}:{own[-1].lineno}: {type(error).__name__}: {error}"
