"""xLAM-2 teachers, on Qwen 2.5 and on Llama 3.1: tools in the system message, a JSON array of calls out.

Reference: the chat template in ``tokenizer_config.json`` of Salesforce/xLAM-2-3b-fc-r (Qwen 2.5), and BFCL's handlers
of both bases, whose prompts equal these where a conversation has tools. Unlike Qwen's own ChatML, no line break follows
a turn. Neither base's format has a place for reasoning, nor for prose in a turn that calls: both are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from distill.families.base import Prompt
from distill.families.teachers import TeacherFamily
from distill.teacher.prompts import xlam2_answer, xlam2_messages
from distill.teacher.protocol import ChatMessage
from distill.teacher.reading import parse_calls
from distill.trajectories.calls import ParseOutcome
from distill.trajectories.types import Message


class Xlam2Qwen(TeacherFamily):
    """xLAM-2-1b-fc-r, xLAM-2-3b-fc-r and xLAM-2-32b-fc-r."""

    name = "xlam2-qwen"
    architectures = frozenset({"Qwen2ForCausalLM"})
    stop_tokens = ("<|im_end|>",)
    other_stop_tokens = ("<|endoftext|>",)

    def messages(self, prompt: Prompt) -> tuple[ChatMessage, ...]:
        """As the published template has them; below a custom system message, with the instruction that it omits."""
        return xlam2_messages(prompt, "qwen")

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """Render as the published template does."""
        turns = (f"<|im_start|>{each.role}\n{each.content}<|im_end|>" for each in messages)
        return "".join(turns) + "<|im_start|>assistant\n"

    def target(self, turn: Message) -> str:
        """Render the calls or the prose."""
        return xlam2_answer(turn) + self.stop_tokens[0]

    def parse(self, text: str) -> ParseOutcome:
        """Read any style that xLAM models write."""
        return parse_calls(text)


class Xlam2Llama(TeacherFamily):
    """Llama-xLAM-2-8b-fc-r and Llama-xLAM-2-70b-fc-r."""

    name = "xlam2-llama"
    architectures = frozenset({"LlamaForCausalLM"})
    stop_tokens = ("<|eot_id|>",)
    other_stop_tokens = ("<|eom_id|>", "<|end_of_text|>")

    def accepts(self, config: Mapping[str, Any]) -> bool:
        """Take those with Llama 3's vocabulary of 128,256 entries: xLAM-1 has the same architecture and fewer."""
        return super().accepts(config) and config.get("vocab_size", 0) >= 128_000

    def messages(self, prompt: Prompt) -> tuple[ChatMessage, ...]:
        """As the published template has them; below a custom system message, with the instruction that it omits."""
        return xlam2_messages(prompt, "llama")

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """Render as the published template does."""
        turns = (f"{_header(each.role)}{each.content}<|eot_id|>" for each in messages)
        return f"<|begin_of_text|>{''.join(turns)}{_header('assistant')}"

    def target(self, turn: Message) -> str:
        """Render the calls or the prose."""
        return xlam2_answer(turn) + self.stop_tokens[0]

    def parse(self, text: str) -> ParseOutcome:
        """Read any style that xLAM models write."""
        return parse_calls(text)


def _header(role: str) -> str:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n"
