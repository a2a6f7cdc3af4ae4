"""Gemma 4, text only, in the non-thinking mode of its serving template: its own call syntax, results in the model turn.

Reference: the chat template of 2026-07-09 (``google/gemma-4-E2B-it`` at 8995379), which the package ``trl`` carries as
``gemma4_v5.jinja``; the tests compare this rendering with it. What the four earlier revisions render differently:

* ``gemma4_v2`` (the release) has no results in the model turn at all and closes a turn after its calls; it writes
  ``nullable`` before ``enum``, and a stray comma before ``properties`` and ``items`` of an undescribed parameter;
* ``gemma4_v2`` and ``_v3`` leave out parameters called description, type, properties, required or nullable;
* all four write null as ``None``, do not close a model turn that ends in results before the next user turn, and write a
  broken turn border between two assistant messages in a row.

So on conversations without these, ``gemma4_v3``, ``gemma4``, ``gemma4_v4`` and ``gemma4_v5`` are one, and a server with
any of them suits. These are the templates of the E sizes; ``trl`` carries none of the larger ones. vLLM serves it with
the parser ``gemma4``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from distill.families.base import Family, Prompt
from distill.families.blocks import BlockTags, read_blocks
from distill.families.gemma4_syntax import CALL_CLOSE, CALL_OPEN, declare, read_call, write_call, write_result
from distill.trajectories.calls import ParseOutcome
from distill.trajectories.types import Message

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_TURN_OPEN, _TURN_CLOSE = "<|turn>", "<turn|>"
_HAND_OVER = "<|tool_response>"
_THOUGHT_OPEN, _THOUGHT_CLOSE = "<|channel>", "<channel|>"
_TAGS = BlockTags(CALL_OPEN, CALL_CLOSE, f"{_THOUGHT_OPEN}thought\n", _THOUGHT_CLOSE)


class Gemma4(Family):
    """Gemma 4 students.

    Reasoning is left out, as the mode has none. So is prose in a turn that calls: the template would show it behind the
    results and close the turn there, and the model would have to go on outside of any turn.
    """

    name = "gemma4"
    architectures = frozenset({"Gemma4ForCausalLM", "Gemma4ForConditionalGeneration"})
    # Prose ends with the turn. Calls end with the tag that opens their results, as the tools go on in the same turn:
    # a model that has not learnt it repeats its call.
    stop_tokens = (_TURN_CLOSE, _HAND_OVER)
    other_stop_tokens = ("<eos>",)

    def prompt(self, prompt: Prompt) -> str:
        """Render as the serving template with ``enable_thinking=False``.

        After a tool's result nothing opens the assistant's turn, since that turn is still open.

        Raises:
            ValueError: a result follows no call, or a call cannot be written.
        """
        messages = prompt.messages
        system = messages[0].content.strip() if messages and messages[0].role == "system" else None
        text = "<bos>"
        if prompt.tools or system is not None:
            text += _turn("system", (system or "") + "".join(map(declare, prompt.tools)))
        groups = _grouped(messages if system is None else messages[1:])
        text += "".join(_rendered(groups))
        return text if groups and groups[-1][0].tool_calls else f"{text}{_TURN_OPEN}model\n"

    def target(self, turn: Message) -> str:
        """Render the calls and the hand-over to the tools, or the prose of a turn without calls and its end.

        Raises:
            ValueError: a call cannot be written.
        """
        return _calls(turn) + _HAND_OVER if turn.tool_calls else _prose(turn) + _TURN_CLOSE

    def parse(self, text: str) -> ParseOutcome:
        """Read the calls as the parser ``gemma4`` does, without its repairs. One malformed call fails the turn."""
        return read_blocks(text, _TAGS, read_call)

    def load(self, base: str, revision: str | None = None, **options: Any) -> PreTrainedModel:
        """Load the language model alone, with ``options`` of transformers.

        The automatic class would add the vision and audio towers of a ``Gemma4ForConditionalGeneration`` checkpoint,
        and the text-only class by itself would find none of its weights there by name and begin with random ones.

        Raises:
            ValueError: the checkpoint does not hold all weights.
        """
        from transformers import AutoConfig, Gemma4ForCausalLM

        config = AutoConfig.from_pretrained(base, revision=revision).get_text_config()
        options = {"config": config, "key_mapping": {r"^model\.language_model\.": "model."}, **options}
        return self._load(Gemma4ForCausalLM, base, revision, **options)


_Group = tuple[Message, list[Message]]
"""A message that is no tool's result, and the results that follow it."""


def _grouped(messages: Sequence[Message]) -> list[_Group]:
    groups: list[_Group] = []
    for message in messages:
        if message.role != "tool":
            groups.append((message, []))
        elif groups and groups[-1][0].tool_calls:
            groups[-1][1].append(message)
        else:
            raise ValueError("Gemma 4 shows a tool's result only behind the call; add the call or remove the result")
    return groups


def _rendered(groups: Sequence[_Group]) -> Iterator[str]:
    roles = [message.role for message, _ in groups]
    for (message, results), before, after in zip(groups, [None, *roles], [*roles[1:], None], strict=False):
        if message.role != "assistant":
            yield _turn(message.role, message.content.strip())
            continue
        if before != "assistant":
            yield f"{_TURN_OPEN}model\n"
        yield _calls(message) + _results(message, results) if message.tool_calls else _prose(message)
        goes_on = after == "assistant" or (message.tool_calls and (after is None or not results))
        if not goes_on:
            yield f"{_TURN_CLOSE}\n"


def _turn(role: str, content: str) -> str:
    return f"{_TURN_OPEN}{role}\n{content}{_TURN_CLOSE}\n"


def _calls(turn: Message) -> str:
    return "".join(map(write_call, turn.tool_calls))


def _results(turn: Message, results: Sequence[Message]) -> str:
    """The results, or the hand-over alone while they are pending."""
    names = [call.name for call in turn.tool_calls]
    names += ["unknown"] * (len(results) - len(names))
    written = [write_result(result.name or name, result.content) for result, name in zip(results, names, strict=False)]
    return "".join(f"{_HAND_OVER}{result}" for result in written) or _HAND_OVER


def _prose(turn: Message) -> str:
    """The content without reasoning: each part up to a closing tag loses what stands behind the opening one."""
    parts = turn.content.split(_THOUGHT_CLOSE)
    return "".join(part.partition(_THOUGHT_OPEN)[0] for part in parts).strip()
