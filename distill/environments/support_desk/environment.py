"""The support desk as a tool environment."""

from __future__ import annotations

from distill.environments.support_desk.tools import TOOLS
from distill.environments.support_desk.world import World, build_world
from distill.environments.world import WorldEnvironment


class SupportDesk(WorldEnvironment[World]):
    """Customers, orders, refunds and tickets."""

    def __init__(self) -> None:
        super().__init__(build_world, TOOLS)
