"""The support desk as a tool environment."""

from __future__ import annotations

from dataclasses import asdict

from distill.environments.base import ToolError, ToolOutcome, ToolSuccess
from distill.environments.schema import argument_problem
from distill.environments.support_desk.tools import TOOLS, ToolRefusedError
from distill.environments.support_desk.world import World, build_world, is_unsteady
from distill.trajectories.types import JsonValue, ToolCall, ToolSpec


class SupportDesk:
    """Customers, orders, refunds and tickets. Empty until ``reset``."""

    def __init__(self) -> None:
        self._world = World()
        self._busy: set[str] = set()

    def reset(self, seed: int) -> None:
        self._world = build_world(seed)
        self._busy = set(TOOLS) if is_unsteady(seed) else set()

    def tools(self) -> tuple[ToolSpec, ...]:
        return tuple(tool.spec for tool in TOOLS.values())

    def call(self, call: ToolCall) -> ToolOutcome:
        tool = TOOLS.get(call.name)
        if tool is None:
            return ToolError("unknown_tool", f"there is no tool {call.name!r}; use one of: {', '.join(TOOLS)}")
        problem = argument_problem(tool.spec, call.arguments)
        if problem is not None:
            return ToolError("invalid_arguments", problem)
        if call.name in self._busy:
            self._busy.remove(call.name)
            return ToolError("unavailable", "the service is busy; call again")
        try:
            return ToolSuccess(tool.handler(self._world, **call.arguments))
        except ToolRefusedError as refusal:
            return ToolError(refusal.code, refusal.message)

    def state(self) -> dict[str, JsonValue]:
        return asdict(self._world)
