"""Families of teachers: what such a model reads is chat messages of text, which a template puts markers around."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from distill.families.base import Family, Prompt
from distill.teacher.protocol import ChatMessage


class TeacherFamily(Family):
    """A family that may be asked over an API, where a server's own template does the rendering."""

    @abstractmethod
    def messages(self, prompt: Prompt) -> tuple[ChatMessage, ...]:
        """The conversation as chat messages: tools, calls and results are already text in the model's own dialect.

        Raises:
            ValueError: it cannot be written.
        """

    @abstractmethod
    def render(self, messages: Sequence[ChatMessage]) -> str:
        """The text of these messages up to the point where the assistant starts to write."""

    def prompt(self, prompt: Prompt) -> str:
        """Render the messages of the prompt."""
        return self.render(self.messages(prompt))
