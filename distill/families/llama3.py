"""Llama 3.1, 3.2 and 3.3: one bare JSON object a turn with the key ``parameters``, results under the role ``ipython``.

Reference: the chat template published with Llama 3.1, which the package ``trl`` carries as ``llama3_1.jinja``; the
tests compare this rendering with it and with ``llama3_2.jinja``. Without built-in tools the two differ in one thing:
where no ``date_string`` is given, 3.1 writes a fixed date and 3.2 the day's. Training writes the fixed one, since rows
must not depend on the day; a server of a 3.2 base can be given the same by ``chat_template_kwargs``.

vLLM serves it with the parser ``llama3_json``. (The template that vLLM's examples offer beside that parser is another
one: it wraps results in ``{"output": ...}`` and adds a system text. Serve with the checkpoint's own template.)
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from distill.families.base import Family, Prompt
from distill.trajectories.calls import (
    CallError,
    ParsedCalls,
    ParseFailure,
    ParseOutcome,
    call_from_json,
    decoder,
    tool_to_json,
)
from distill.trajectories.turns import successive_calls
from distill.trajectories.types import Message, ToolCall, ToolSpec

_DATES = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
# The missing spaces after the full stops are the template's own.
_TOOLS_HEAD = (
    "Given the following functions, please respond with a JSON for a function call with its proper arguments that best "
    'answers the given prompt.\n\nRespond in the format {"name": function name, "parameters": dictionary of argument '
    "name and its value}.Do not use variables.\n\n"
)
_PYTHON_TAG = "<|python_tag|>"


class Llama3(Family):
    """Llama 3.1 to 3.3 students.

    Their format has no reasoning, and no prose in a turn that calls: both are left out.
    """

    name = "llama3"
    architectures = frozenset({"LlamaForCausalLM"})
    stop_tokens = ("<|eot_id|>",)
    other_stop_tokens = ("<|eom_id|>", "<|end_of_text|>")

    def conversation(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """Make parallel calls successive turns, because the template refuses a turn with more than one."""
        return successive_calls(messages)

    def prompt(self, prompt: Prompt) -> str:
        """Render as the serving template does; the tools stand in the first user turn.

        Raises:
            ValueError: there are tools and the conversation does not begin with a user message.
        """
        messages = self.conversation(prompt.messages)
        system = ""
        if messages and messages[0].role == "system":
            system, messages = messages[0].content.strip(), messages[1:]
        environment = "Environment: ipython\n" if prompt.tools else ""
        turns = [_turn("system", f"{environment}{_DATES}{system}")]
        if prompt.tools:
            if not messages or messages[0].role != "user":
                raise ValueError("a Llama 3 prompt with tools must begin with a user message; put one first")
            turns.append(_turn("user", _tools(prompt.tools) + messages[0].content.strip()))
            messages = messages[1:]
        turns += map(self._history, messages)
        return f"<|begin_of_text|>{''.join(turns)}{_header('assistant')}"

    def target(self, turn: Message) -> str:
        """Render the call, or the prose of a turn without one, closed by ``<|eot_id|>``.

        Raises:
            ValueError: the turn makes several calls; ``conversation`` takes them apart.
        """
        if len(turn.tool_calls) > 1:
            raise ValueError("a Llama 3 turn holds one call; give each call a turn of its own")
        return (_call(turn.tool_calls[0]) if turn.tool_calls else turn.content.strip()) + self.stop_tokens[0]

    def parse(self, text: str) -> ParseOutcome:
        """Read every JSON object as a call, as the parser ``llama3_json`` does; prose around calls is dropped.

        Where an object is no call, the server shows the whole text to the user and calls nothing. That is a failure
        here if the turn meant to call: it begins with a brace or ``<|python_tag|>``, or a call was read before.
        """
        calls: list[ToolCall] = []
        means_calls, position = text.lstrip().startswith(("{", _PYTHON_TAG)), 0
        while (start := text.find("{", position)) >= 0:
            try:
                call, position = _read_call(text, start)
            except CallError as error:
                return ParseFailure(start, str(error)) if means_calls or calls else ParsedCalls((), text.strip())
            calls.append(call)
        if means_calls and not calls:
            return ParseFailure(0, f"no JSON object follows {_PYTHON_TAG}")
        return ParsedCalls(tuple(calls), "" if calls else text.strip())

    def _history(self, message: Message) -> str:
        if message.role == "assistant":
            return _header("assistant") + self.target(message)
        if message.role == "tool":
            # The template takes a text for a list of things and writes it as JSON, with its quotes.
            return _turn("ipython", json.dumps(message.content, ensure_ascii=False))
        return _turn(message.role, message.content.strip())


def _header(role: str) -> str:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n"


def _turn(role: str, content: str) -> str:
    return f"{_header(role)}{content}<|eot_id|>"


def _tools(tools: Sequence[ToolSpec]) -> str:
    functions = [{"type": "function", "function": tool_to_json(tool)} for tool in tools]
    return _TOOLS_HEAD + "".join(f"{json.dumps(each, ensure_ascii=False, indent=4)}\n\n" for each in functions)


def _call(call: ToolCall) -> str:
    parameters = json.dumps(dict(call.arguments), ensure_ascii=False)
    return f'{{"name": "{call.name}", "parameters": {parameters}}}'


def _read_call(text: str, start: int) -> tuple[ToolCall, int]:
    """Read the call at ``start``; the server takes ``arguments`` for ``parameters`` too. Returns where it ends."""
    try:
        value, end = decoder().raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise CallError(f"not strict JSON: {error}") from error
    if not any(isinstance(value.get(key), dict) for key in ("parameters", "arguments")):
        raise CallError("a call must be an object with a name and an object of parameters")
    return call_from_json(value), end
