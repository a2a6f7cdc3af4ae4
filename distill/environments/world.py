"""A world of tables with tools, as a tool environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Generic, TypeVar

from distill.environments.base import ToolError, ToolOutcome, ToolSuccess
from distill.environments.schema import argument_problem
from distill.environments.seeds import is_unsteady
from distill.environments.tools import Tool, ToolRefusedError
from distill.trajectories.types import JsonValue, ToolCall, ToolSpec

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

World = TypeVar("World", bound="DataclassInstance")


class WorldEnvironment(Generic[World]):
    """Runs tools on the world that ``build`` makes of a seed: the world of seed 0 until ``reset``.

    In an unsteady world every tool refuses its first call, whatever comes before.
    """

    def __init__(
        self,
        build: Callable[[int], World],
        tools: Mapping[str, Tool],
        unsteady: Callable[[int], bool] = is_unsteady,
    ) -> None:
        self._build, self._tools, self._unsteady = build, tools, unsteady
        self.reset(0)

    def reset(self, seed: int) -> None:
        self.world = self._build(seed)
        self._busy = set(self._tools) if self._unsteady(seed) else set()

    def tools(self) -> tuple[ToolSpec, ...]:
        return tuple(tool.spec for tool in self._tools.values())

    def call(self, call: ToolCall) -> ToolOutcome:
        tool = self._tools.get(call.name)
        if tool is None:
            return ToolError("unknown_tool", f"there is no tool {call.name!r}; use one of: {', '.join(self._tools)}")
        problem = argument_problem(tool.spec, call.arguments)
        if problem is not None:
            return ToolError("invalid_arguments", problem)
        if call.name in self._busy:
            self._busy.remove(call.name)
            return ToolError("unavailable", "the service is busy; call again")
        try:
            return ToolSuccess(tool.handler(self.world, **call.arguments))
        except ToolRefusedError as refusal:
            return ToolError(refusal.code, refusal.message)

    def state(self) -> dict[str, JsonValue]:
        return asdict(self.world)
