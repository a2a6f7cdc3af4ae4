"""Made-up conversations for property tests: well formed, with odd texts and arguments of all JSON types."""

from __future__ import annotations

from hypothesis import strategies as st

from distill.trajectories.types import JsonValue, Message, Provenance, ToolCall, ToolSpec, Trajectory

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
words = st.text("abc_é", min_size=1, max_size=5)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts)
values: st.SearchStrategy[JsonValue] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=5
)
arguments = st.dictionaries(words, values, max_size=3)
properties: st.SearchStrategy[JsonValue] = st.one_of(
    st.builds(
        lambda kind: {"type": kind}, st.sampled_from(["string", "integer", "number", "boolean", "array", "object"])
    ),
    st.just({"type": "array", "items": {"type": "array", "items": {"type": "number"}}}),
    st.just({"description": "d", "type": "object", "additionalProperties": {"type": "integer"}, "default": {}}),
    st.just({"type": "string", "enum": ["a", "b"], "default": "a"}),
    st.just({"type": ["string", "null"]}),
    st.just({"anyOf": [{"type": "string"}, {"type": "integer"}], "description": "either"}),
    st.just({"type": "object", "properties": {"type": {"type": "string"}}, "required": ["type"]}),
    st.just({}),
)


@st.composite
def tools(draw: st.DrawFn) -> tuple[ToolSpec, ...]:
    specs = []
    for name in draw(st.lists(words, max_size=3, unique=True)):
        fields = draw(st.dictionaries(words | st.just("type"), properties, max_size=3))
        schema: dict[str, JsonValue] = {"type": "object", "properties": fields}
        required = draw(st.lists(st.sampled_from(sorted(fields)), unique=True)) if fields else []
        if required:
            schema["required"] = list(required)
        if draw(st.booleans()):
            schema["additionalProperties"] = False
        specs.append(ToolSpec(name, draw(texts), schema))
    return tuple(specs)


@st.composite
def messages(
    draw: st.DrawFn,
    *,
    turns: int = 3,
    system: bool = True,
    reasoning: bool = True,
    ids: bool = True,
    prose: bool = True,
) -> tuple[Message, ...]:
    """A conversation. Without ``prose`` a turn that calls says nothing beside it."""
    thought = st.none() | texts if reasoning else st.none()
    result = [Message("system", draw(texts.filter(bool)))] if draw(st.booleans()) else []
    number = 0
    for _ in range(draw(st.integers(1, 3))):
        result.append(Message("user", draw(texts)))
        for _ in range(draw(st.integers(0, 2))):
            named = ids and draw(st.booleans())
            calls = []
            for name in draw(st.lists(words, min_size=1, max_size=3)):
                number += 1
                calls.append(ToolCall(name, draw(arguments), f"call_{number}" if named else ""))
            said = draw(texts)
            result.append(Message("assistant", said, tuple(calls), draw(thought)))
            result += [Message("tool", draw(texts), name=call.name, tool_call_id=call.id) for call in calls]
        result.append(Message("assistant", draw(texts), reasoning=draw(thought)))
    return tuple(result)


provenances = st.builds(
    Provenance,
    texts,
    words,
    words,
    st.dictionaries(words, scalars, max_size=2),
    st.dictionaries(words, scalars, max_size=2),
)
row_ids = words | st.sampled_from(["7", "07", "x:1", "simple_python_3"])


def trajectories(conversation: st.SearchStrategy[tuple[Message, ...]]) -> st.SearchStrategy[Trajectory]:
    return st.builds(Trajectory, row_ids, tools(), conversation, provenances | st.just(Provenance()))
