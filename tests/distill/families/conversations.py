"""Generated conversations and tools, and the publishers' own templates to compare a rendering of them with."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from transformers.utils.chat_template_utils import render_jinja_template

from distill.trajectories.calls import tool_to_json
from distill.trajectories.types import Message, ToolCall, ToolSpec

# On a busy machine, compiling a template or drawing a conversation takes longer than hypothesis grants.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Besides surrogates, the characters of control tokens: what such a token does inside of a text has tests of its own.
TEXT = st.text(st.characters(exclude_characters="<>|", exclude_categories=["Cs"]), max_size=12)
NAMES = st.text("abcXYZ_019", min_size=1, max_size=6)
# Parameters may be called like the words of a schema.
KEYS = NAMES | st.sampled_from(["type", "description", "required", "nullable", "properties", "a key"])
SCALARS = st.booleans() | st.integers() | st.floats(-1e6, 1e6).filter(lambda number: "e" not in str(number)) | TEXT


def values(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=6,
    )


VALUES = values(SCALARS | st.none())
CALLS = st.builds(ToolCall, NAMES, st.dictionaries(KEYS, VALUES, max_size=3))


@st.composite
def exchanges(draw: st.DrawFn, calls: st.SearchStrategy[ToolCall], parallel: int) -> tuple[Message, ...]:
    """A user message, rounds of calls with all their results, and the answer."""
    messages = [Message("user", draw(TEXT))]
    for made in draw(st.lists(st.lists(calls, min_size=1, max_size=parallel), max_size=3)):
        messages.append(Message("assistant", tool_calls=tuple(made)))
        messages += [Message("tool", draw(TEXT), name=call.name) for call in made]
    return (*messages, Message("assistant", draw(TEXT)))


@st.composite
def conversations(
    draw: st.DrawFn, calls: st.SearchStrategy[ToolCall] = CALLS, parallel: int = 3, whole: bool = False
) -> tuple[Message, ...]:
    """Several exchanges, under a system message or not; whole, or cut anywhere behind the first user message."""
    system = [Message("system", text) for text in draw(st.lists(TEXT, max_size=1))]
    turns = [turn for each in draw(st.lists(exchanges(calls, parallel), min_size=1, max_size=3)) for turn in each]
    return (*system, *turns[: len(turns) if whole else draw(st.integers(1, len(turns)))])


@st.composite
def schemas(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    """A JSON schema of a property, with and without the parts that a template may look at."""
    schema: dict[str, Any] = draw(st.fixed_dictionaries({}, optional={"description": TEXT, "nullable": st.booleans()}))
    kind = draw(st.sampled_from(["string", "integer", "boolean", "array", "object"][: 3 if depth == 0 else 5]))
    if kind == "string":
        schema |= draw(st.fixed_dictionaries({}, optional={"enum": st.lists(TEXT, max_size=3)}))
    if kind == "array":
        inner = (
            schemas(depth - 1) | st.just({"type": ["string", "null"]}) | st.just({"type": "string", "default": None})
        )
        schema |= draw(st.fixed_dictionaries({}, optional={"items": inner}))
    if kind == "object":
        schema |= draw(objects(depth - 1)) | draw(st.sampled_from([{}, {"additionalProperties": False}]))
    return schema | draw(st.sampled_from([{"type": kind}] * 4 + [{}, {"type": [kind, "null"]}]))


def objects(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {}, optional={"properties": st.dictionaries(KEYS, schemas(depth), max_size=3), "required": st.lists(NAMES)}
    )


TOOLS = st.lists(
    st.builds(
        ToolSpec,
        NAMES,
        TEXT,
        objects(2).flatmap(lambda schema: st.sampled_from([{**schema, "type": "object"}, schema])),
    ),
    max_size=3,
).map(tuple)


def template(name: str) -> str:
    """One of the templates that the package ``trl`` carries."""
    return (files("trl") / "chat_templates" / f"{name}.jinja").read_text()


def openai_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The messages as a client sends them: calls with ids, and each result with the id of its call."""
    result: list[dict[str, Any]] = []
    waiting: list[str] = []
    for index, message in enumerate(messages):
        entry: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.tool_calls:
            waiting = [f"call-{index}-{number}" for number in range(len(message.tool_calls))]
            entry["tool_calls"] = [
                {"id": made, "type": "function", "function": {"name": call.name, "arguments": dict(call.arguments)}}
                for made, call in zip(waiting, message.tool_calls, strict=True)
            ]
        if message.role == "tool" and waiting:
            entry["tool_call_id"] = waiting.pop(0)
        result.append(entry)
    return result


def templated(
    name: str, messages: Sequence[Message], tools: Sequence[ToolSpec] = (), *, generate: bool = True, **options: Any
) -> str:
    """What a server's template makes of a conversation."""
    rendered = render_jinja_template(
        [openai_messages(messages)],
        tools=[{"type": "function", "function": tool_to_json(tool)} for tool in tools] or None,
        chat_template=template(name),
        add_generation_prompt=generate,
        **options,
    )
    return str(rendered[0][0])
