"""The demo's voice, and its conscience: an answer that differs from what the story promises ends it."""

from __future__ import annotations

from collections.abc import Collection

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule

from spiritsafe.errors import SpiritsafeError


class UnexpectedAnswer(SpiritsafeError):
    """A service answered otherwise than the licence policy demands."""

    code = "UNEXPECTED"


class Narrator:
    """Prints numbered steps and checks answers."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._step = 0

    def step(self, title: str) -> None:
        """Begins the next step."""
        self._step += 1
        self.console.print()
        self.console.print(Rule(f"[bold]{self._step}. {escape(title)}[/]", align="left", style="dim"))

    def say(self, text: str) -> None:
        """Prints a sentence of the story."""
        self.console.print(escape(text))

    def expect(self, what: str, actual: str, *expected: str) -> None:
        """Raises UnexpectedAnswer unless ``actual`` is one of ``expected``."""
        self.require(actual in expected, what, actual, " or ".join(expected))

    def expect_among(self, what: str, actual: Collection[str], expected: str) -> None:
        """Raises UnexpectedAnswer unless ``expected`` is among ``actual``."""
        self.require(expected in actual, what, ", ".join(sorted(actual)) or "nothing", expected)

    def require(self, holds: bool, what: str, actual: str, expected: str) -> None:
        """Raises UnexpectedAnswer, in these words, unless it holds."""
        if not holds:
            raise UnexpectedAnswer(
                f"step {self._step}, {what}: expected {expected}, the service answered {actual}",
                reason="UNEXPECTED_ANSWER",
                remedy="a defect, or other licence data in this installation; `spiritsafe doctor` may say more",
            )
