"""xLAM-1 teachers: block prompts in, ``{"tool_calls": [...]}`` out.

The ``-fc-r`` models build on DeepSeek Coder, whose architecture is Llama's; the ``-r`` models on Mistral and Mixtral.
The turn markers are those of these bases' instruct templates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from distill.families.base import Prompt
from distill.families.teachers import TeacherFamily
from distill.teacher.prompts import (
    FUNCTION_CALLING,
    REASONING,
    STAND_IN,
    Xlam1Dialect,
    xlam1_answer,
    xlam1_messages,
)
from distill.teacher.protocol import ChatMessage
from distill.teacher.reading import parse_calls
from distill.trajectories.calls import ParsedCalls, ParseOutcome
from distill.trajectories.types import Message

_BEGIN = "<｜begin▁of▁sentence｜>"
# "Prompt template" on the card of Salesforce/xLAM-1b-fc-r-gguf: what stands there without a system message.
_SYSTEM = (
    "You are an AI assistant for function calling.For politically sensitive questions, security and privacy issues, "
    "and other non-computer science questions, you will refuse to answer"
)


class Xlam(TeacherFamily):
    """Our stand-ins for xLAM-1 models: small vocabularies, and instructions in few words."""

    name = "xlam"
    architectures = frozenset({"LlamaForCausalLM"})
    stop_tokens = ("<|EOT|>",)
    other_stop_tokens = ("<｜end▁of▁sentence｜>",)
    dialect: Xlam1Dialect = STAND_IN
    default_system = ""

    def messages(self, prompt: Prompt) -> tuple[ChatMessage, ...]:
        """Put the first user turn into xLAM-1's blocks together with the tools; later turns follow as they are."""
        return xlam1_messages(prompt, self.dialect)

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """Put the base's turn markers around the messages."""
        text = _BEGIN
        if self.default_system and all(message.role != "system" for message in messages):
            text += f"{self.default_system}\n"
        for message in messages:
            if message.role == "assistant":
                text += f"### Response:\n{message.content}\n{self.stop_tokens[0]}\n"
            elif message.role == "system":
                text += f"{message.content}\n"
            else:
                text += f"### Instruction:\n{message.content}\n"
        return text + "### Response:\n"

    def target(self, turn: Message) -> str:
        """Render the calls, with the reasoning before them as ``thought`` where there is some, or the prose."""
        return f"{xlam1_answer(turn, self.dialect)}\n{self.stop_tokens[0]}"

    def parse(self, text: str) -> ParseOutcome:
        """Read any style that xLAM models write."""
        return parse_calls(text)


class XlamFc(Xlam):
    """xLAM-1b-fc-r and xLAM-7b-fc-r, on DeepSeek Coder."""

    name = "xlam-fc"
    dialect = FUNCTION_CALLING
    default_system = _SYSTEM

    def accepts(self, config: Mapping[str, Any]) -> bool:
        """Take those with a published model's vocabulary: DeepSeek Coder has 32,256 or 102,400 entries."""
        return super().accepts(config) and config.get("vocab_size", 0) >= 32_000


class XlamMistral(TeacherFamily):
    """xLAM-7b-r on Mistral, xLAM-8x7b-r and xLAM-8x22b-r on Mixtral: one message with a block of history.

    Their template as published with xLAM-8x7b-r, which is that of Mistral's first instruct models.
    """

    name = "xlam-mistral"
    architectures = frozenset({"MistralForCausalLM", "MixtralForCausalLM"})
    stop_tokens = ("</s>",)

    def messages(self, prompt: Prompt) -> tuple[ChatMessage, ...]:
        """Put the whole conversation into one message."""
        return xlam1_messages(prompt, REASONING)

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """Make an instruction of it."""
        (message,) = messages
        return f"<s> [INST] {message.content} [/INST]"

    def target(self, turn: Message) -> str:
        """Render thought and calls; without calls, the thought is what is said to the user."""
        return f" {xlam1_answer(turn, REASONING)}{self.stop_tokens[0]}"

    def parse(self, text: str) -> ParseOutcome:
        """Read any style that xLAM models write; the thought of a turn without calls is its content."""
        outcome = parse_calls(text)
        if isinstance(outcome, ParsedCalls) and not outcome.calls and not outcome.content:
            return replace(outcome, content=outcome.reasoning, reasoning="")
        return outcome
