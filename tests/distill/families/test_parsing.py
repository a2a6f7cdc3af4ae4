"""What each family's serving parser reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill.families import UnknownFamilyError, family_for, family_named
from distill.trajectories.calls import ParsedCalls, ParseFailure
from distill.trajectories.types import Message, ToolCall

QWEN3 = family_named("qwen3")


def wrapped(body: str) -> str:
    return f"<tool_call>\n{body}\n</tool_call>"


def test_qwen3_reads_calls_content_and_reasoning() -> None:
    text = "<think>\nhm\n</think>\n\nBoth.\n" + wrapped('{"name": "a", "arguments": {"x": 1}}')
    text += "\n" + wrapped('{"name": "b", "arguments": {}}')
    assert QWEN3.parse(text) == ParsedCalls((ToolCall("a", {"x": 1}), ToolCall("b", {})), "Both.", "hm")


def test_qwen3_prose_calls_nothing() -> None:
    assert QWEN3.parse("I cannot do that.") == ParsedCalls((), "I cannot do that.")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (wrapped('{"name": "a", "arguments": {}'), "not strict JSON"),
        (wrapped('[{"name": "a", "arguments": {}}]'), "must be an object with a name"),
        (wrapped('{"name": "a", "parameters": {}}'), "object of arguments"),
        (wrapped('{"name": "a", "arguments": "{}"}'), "object of arguments"),
        (wrapped('{"arguments": {}}'), "no name"),
        (wrapped('{"name": "a", "arguments": {"x": "\\ud83d"}}'), "half a surrogate pair"),
        ('<tool_call>\n{"name": "a", "arguments": {}}', "never closed"),
        ("done</tool_call>", "closes nothing"),
        (wrapped('{"name": "a", "arguments": {}}') + wrapped("oops"), "not strict JSON"),
    ],
)
def test_qwen3_one_malformed_block_fails_the_turn(text: str, reason: str) -> None:
    outcome = QWEN3.parse(text)
    assert isinstance(outcome, ParseFailure)
    assert reason in outcome.reason


# Llama 3 and Gemma 4 have tests of their own.
# A closing tag inside an argument is ambiguous in the Hermes format, for the servers' own parser too.
TEXT = st.text(st.characters(exclude_characters="<", exclude_categories=["Cs"]))
NAMES = st.text("abcXYZ_.019", min_size=1)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(calls=st.lists(st.tuples(NAMES, st.dictionaries(TEXT, VALUES, max_size=3)), max_size=3))
@pytest.mark.parametrize("family_name", ["qwen3", "xlam"])
def test_families_with_quoted_keys_read_back_what_they_write(
    family_name: str, calls: list[tuple[str, dict[str, object]]]
) -> None:
    family = family_named(family_name)
    wanted = tuple(ToolCall(name, arguments) for name, arguments in calls)  # type: ignore[arg-type]  # JSON by strategy
    written = family.target(Message("assistant", tool_calls=wanted)).removesuffix(family.stop_tokens[0])
    outcome = family.parse(written)
    assert isinstance(outcome, ParsedCalls)
    assert outcome.calls == wanted


def test_families_are_found_by_architecture_and_role() -> None:
    assert family_for({"architectures": ["Qwen3ForCausalLM"]}).name == "qwen3"
    assert family_for({"architectures": ["LlamaForCausalLM"]}, "teacher").name == "xlam"
    for architecture, vocabulary, name in (
        *(("LlamaForCausalLM", 1_280, "xlam"), ("LlamaForCausalLM", 32_256, "xlam-fc")),
        *(("LlamaForCausalLM", 102_400, "xlam-fc"), ("LlamaForCausalLM", 128_256, "xlam2-llama")),
        *(("Qwen2ForCausalLM", 151_936, "xlam2-qwen"), ("MistralForCausalLM", 32_000, "xlam-mistral")),
        ("MixtralForCausalLM", 32_000, "xlam-mistral"),
    ):
        assert family_for({"architectures": [architecture], "vocab_size": vocabulary}, "teacher").name == name
    assert family_for({"architectures": ["LlamaForCausalLM"]}, "student").name == "llama3"
    assert family_for({"architectures": ["Gemma4ForCausalLM"]}).name == "gemma4"
    assert family_for({"architectures": ["Gemma4ForConditionalGeneration"]}).name == "gemma4"
    with pytest.raises(UnknownFamilyError, match="no known teacher family"):
        family_for({"architectures": ["Gemma4ForCausalLM"]}, "teacher")


@pytest.mark.parametrize("config", [{}, {"architectures": None}, {"architectures": ["FalconForCausalLM"]}])
def test_an_unknown_architecture_is_refused_with_the_known_ones(config: dict[str, object]) -> None:
    with pytest.raises(UnknownFamilyError, match="Qwen3ForCausalLM"):
        family_for(config)


def test_an_unknown_family_name_is_refused_with_the_known_ones() -> None:
    known = "xlam2-qwen, xlam2-llama, xlam-fc, xlam-mistral, xlam, qwen3, llama3, gemma4"
    with pytest.raises(UnknownFamilyError, match=f"'falcon'; known families: {known}"):
        family_named("falcon")
