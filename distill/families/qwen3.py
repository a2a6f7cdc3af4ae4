"""Qwen 3: ChatML with Hermes-style tool calls, in the non-thinking mode of its serving template.

Reference: the chat template published with Qwen 3, which the package ``trl`` carries as ``qwen3.jinja``; the tests
compare this rendering with it. vLLM serves it with the parser ``hermes``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from distill.families.base import Family, Prompt
from distill.families.blocks import BlockTags, read_blocks
from distill.trajectories.calls import CallError, ParseOutcome, call_from_json, loads
from distill.trajectories.types import Message, ToolCall, ToolSpec

_TOOLS_HEAD = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>"
)
_TOOLS_TAIL = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    "<tool_call></tool_call> XML tags:\n<tool_call>\n"
    '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
)
_NO_THINKING = "<think>\n\n</think>\n\n"
_TAGS = BlockTags("<tool_call>", "</tool_call>", "<think>", "</think>")


class Qwen3(Family):
    """Dense Qwen 3 students."""

    name = "qwen3"
    architectures = frozenset({"Qwen3ForCausalLM"})
    stop_tokens = ("<|im_end|>",)
    other_stop_tokens = ("<|endoftext|>",)

    def prompt(self, prompt: Prompt) -> str:
        """Render as the serving template with ``enable_thinking=False``: the empty thinking block ends the prompt.

        So the block is never a training target, and history carries no thinking at all.
        """
        messages = prompt.messages
        system = ""
        if messages and messages[0].role == "system":
            system, messages = messages[0].content, messages[1:]
        blocks = [*_system(system, prompt.tools), *_conversation(messages)]
        return (
            "".join(f"<|im_start|>{block}<|im_end|>\n" for block in blocks) + f"<|im_start|>assistant\n{_NO_THINKING}"
        )

    def target(self, turn: Message) -> str:
        """Render content and calls, closed by ``<|im_end|>``."""
        return _assistant(turn) + self.stop_tokens[0]

    def parse(self, text: str) -> ParseOutcome:
        """Read ``<tool_call>`` blocks; text outside them is content. One malformed block fails the whole turn."""
        return read_blocks(text, _TAGS, _call)


def _system(system: str, tools: Sequence[ToolSpec]) -> Iterator[str]:
    if tools:
        signatures = "".join(f"\n{json.dumps(_signature(tool), ensure_ascii=False)}" for tool in tools)
        yield "system\n" + (f"{system}\n\n" if system else "") + _TOOLS_HEAD + signatures + _TOOLS_TAIL
    elif system:
        yield f"system\n{system}"


def _signature(tool: ToolSpec) -> dict[str, object]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _conversation(messages: Sequence[Message]) -> Iterator[str]:
    """Yield one block per turn; consecutive tool results share one user turn."""
    results: list[str] = []
    for message in messages:
        if message.role == "tool":
            results.append(f"\n<tool_response>\n{message.content}\n</tool_response>")
            continue
        if results:
            yield "user" + "".join(results)
            results = []
        yield f"{message.role}\n{_assistant(message) if message.role == 'assistant' else message.content}"
    if results:
        yield "user" + "".join(results)


def _assistant(turn: Message) -> str:
    calls = [
        f'<tool_call>\n{{"name": "{call.name}", "arguments": {json.dumps(call.arguments, ensure_ascii=False)}}}\n'
        "</tool_call>"
        for call in turn.tool_calls
    ]
    return "\n".join([turn.content, *calls] if turn.content else calls)


def _call(block: str) -> ToolCall:
    """Read one block as the parser ``hermes`` does: an object with a name and ``arguments``."""
    value = loads(block)
    if not isinstance(value, dict) or not isinstance(value.get("arguments"), dict):
        raise CallError("a call must be an object with a name and an object of arguments")
    return call_from_json(value)
