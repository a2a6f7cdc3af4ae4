"""xLAM-1 teachers (Llama architecture on DeepSeek Coder): block prompts in, ``{"tool_calls": [...]}`` out.

The turn markers are those of DeepSeek Coder's instruct template, on which the 7B model builds.
"""

from __future__ import annotations

from distill.families.base import Family, Prompt
from distill.teacher.xlam import parse_calls, render_calls, render_prompt
from distill.trajectories.calls import ParseOutcome
from distill.trajectories.types import Message

_BEGIN = "<｜begin▁of▁sentence｜>"


class Xlam(Family):
    """xLAM-1 models such as xLAM-7b-fc-r."""

    name = "xlam"
    architectures = frozenset({"LlamaForCausalLM"})
    stop_tokens = ("<|EOT|>",)
    other_stop_tokens = ("<｜end▁of▁sentence｜>",)

    def prompt(self, prompt: Prompt) -> str:
        """Put the first user turn into xLAM-1's blocks together with the tools; later turns follow as they are."""
        query = next((i for i, message in enumerate(prompt.messages) if message.role == "user"), None)
        if query is None:
            raise ValueError("an xLAM prompt needs a user message; add one to the conversation")
        text = _BEGIN
        for index, message in enumerate(prompt.messages):
            if message.role == "assistant":
                text += f"### Response:\n{self.target(message)}\n"
            elif message.role == "system":
                text += f"{message.content}\n"
            else:
                content = render_prompt(prompt.tools, message.content) if index == query else message.content
                text += f"### Instruction:\n{content}\n"
        return text + "### Response:\n"

    def target(self, turn: Message) -> str:
        """Render the calls, with the reasoning before them as ``thought`` where there is some.

        A turn without calls is its prose, or the empty list where it has none: the published models write only the
        list, but a tuned one may have something to ask or to say, and every reader takes prose for no call.
        """
        if turn.content and not turn.tool_calls:
            return f"{turn.content}\n{self.stop_tokens[0]}"
        return f"{render_calls(turn.tool_calls, turn.reasoning or '')}\n{self.stop_tokens[0]}"

    def parse(self, text: str) -> ParseOutcome:
        """Read any style that xLAM models write."""
        return parse_calls(text)
