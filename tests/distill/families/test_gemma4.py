"""Gemma 4: the five published template revisions, and what vLLM's parser ``gemma4`` reads."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill.families import family_named
from distill.families.base import IGNORED, Prompt, RowError
from distill.trajectories.calls import ParsedCalls, ParseFailure
from distill.trajectories.types import Message, ToolCall, ToolSpec, Trajectory
from tests.distill.families.conversations import (
    CALLS,
    KEYS,
    NAMES,
    PATIENT,
    SCALARS,
    TEXT,
    TOOLS,
    conversations,
    templated,
    values,
)
from tests.distill.families.tiny_tokenizers import tokenizer_of

GEMMA4 = family_named("gemma4")
BOS = "<bos>"
ASK, DONE = Message("user", "Go"), Message("assistant", "Done.")
A, B = ToolCall("a", {"x": 1}), ToolCall("b", {})
CALL, BOTH = Message("assistant", tool_calls=(A,)), Message("assistant", tool_calls=(A, B))
OK = Message("tool", "ok")
WRITTEN = "<|tool_call>call:a{x:1}<tool_call|>"


@st.composite
def calls_with_results(draw: st.DrawFn) -> list[Message]:
    made = draw(st.lists(CALLS, min_size=1, max_size=2))
    results = draw(st.lists(st.builds(Message, st.just("tool"), TEXT), max_size=3))
    return [Message("assistant", tool_calls=tuple(made)), *results]


LOOSE = st.lists(
    st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXT).map(lambda message: [message])
    | calls_with_results(),
    min_size=1,
    max_size=6,
).map(lambda groups: tuple(message for group in groups for message in group))


@PATIENT
@given(messages=conversations() | LOOSE, tools=TOOLS)
def test_prompts_equal_the_current_template(messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]) -> None:
    assert GEMMA4.prompt(Prompt(messages, tools)) == templated("gemma4_v5", messages, tools, bos_token=BOS)


TOOLS_WITHOUT_NULL = TOOLS.filter(lambda tools: "None" not in repr(tools))
WITHOUT_NULL = st.builds(ToolCall, NAMES, st.dictionaries(KEYS, values(SCALARS), max_size=3))


@pytest.mark.parametrize("revision", ["gemma4", "gemma4_v4"])
@PATIENT
@given(messages=conversations(WITHOUT_NULL), tools=TOOLS_WITHOUT_NULL)
def test_two_earlier_revisions_differ_only_where_the_module_says(
    revision: str, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]
) -> None:
    assert GEMMA4.prompt(Prompt(messages, tools)) == templated(revision, messages, tools, bos_token=BOS)


@PATIENT
@given(messages=conversations(WITHOUT_NULL))
def test_a_third_renders_messages_alike(messages: tuple[Message, ...]) -> None:
    tools = (
        ToolSpec("a", "A.", {"type": "object", "properties": {"x": {"type": "array", "items": {"type": "null"}}}}),
    )
    assert GEMMA4.prompt(Prompt(messages, tools)) == templated("gemma4_v3", messages, tools, bos_token=BOS)


NULL = (ASK, Message("assistant", tool_calls=(ToolCall("a", {"x": None}),)), OK)
UNANSWERED = (ASK, CALL, OK, ASK)
KEYWORD = ToolSpec("a", "", {"type": "object", "properties": {"type": {"type": "string"}}})
PLAIN = ToolSpec("a", "", {"type": "object", "properties": {"x": {"type": "array", "items": {"type": "string"}}}})
ENUM: dict[str, Any] = {"type": "string", "enum": ["y"], "nullable": True, "description": "X."}
ORDER = ToolSpec("a", "", {"type": "object", "properties": {"x": ENUM}})


@pytest.mark.parametrize(
    ("messages", "tools", "revisions", "ours", "theirs"),
    [
        (NULL, (), ["_v2", "_v3", "", "_v4"], "call:a{x:null}", "call:a{x:None}"),
        (UNANSWERED, (), ["_v3", "", "_v4"], "<tool_response|><turn|>\n<|turn>user", "<tool_response|><|turn>user"),
        ((ASK, DONE, DONE), (), ["_v3", "", "_v4"], "Done.Done.<turn|>", "Done.<turn|>\nDone.<turn|>"),
        ((ASK,), (KEYWORD,), ["_v2", "_v3"], 'properties:{type:{type:<|"|>STRING', "properties:{},"),
        ((ASK, CALL, OK), (), ["_v2"], f"{WRITTEN}<|tool_response>response:a{{", f"{WRITTEN}<turn|>\n<|turn>tool\nok"),
        ((ASK,), (ORDER,), ["_v2"], 'enum:[<|"|>y<|"|>],nullable:true', 'nullable:true,enum:[<|"|>y<|"|>]'),
        ((ASK,), (PLAIN,), ["_v2"], "x:{items:", "x:{,items:"),
    ],
    ids=["null", "unanswered", "two in a row", "keyword", "results", "order", "comma"],
)
def test_where_revisions_differ(
    messages: tuple[Message, ...], tools: tuple[ToolSpec, ...], revisions: list[str], ours: str, theirs: str
) -> None:
    for revision in ("_v2", "_v3", "", "_v4", "_v5"):
        rendered = templated(f"gemma4{revision}", messages, tools, bos_token=BOS)
        if revision in revisions:
            assert theirs in rendered
        elif revision != "_v2":  # the release differs in too many ways to be compared where it is not named
            assert ours in rendered
    assert ours in GEMMA4.prompt(Prompt(messages, tools))


@PATIENT
@given(messages=conversations(), tools=TOOLS)
def test_a_prompt_begins_with_the_earlier_prompt_and_what_was_written(
    messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]
) -> None:
    whole = GEMMA4.prompt(Prompt((*messages, ASK), tools))
    for index, turn in enumerate(messages):
        if turn.role == "assistant":
            assert whole.startswith(GEMMA4.prompt(Prompt(messages[:index], tools)) + GEMMA4.target(turn))


def test_prose_that_another_assistant_message_follows_is_the_exception() -> None:
    """The template runs such messages together, so the end of turn that was written is not in the later prompt."""
    whole = GEMMA4.prompt(Prompt((ASK, DONE, CALL), ()))
    assert whole.startswith(GEMMA4.prompt(Prompt((ASK,), ())) + "Done." + WRITTEN)


@PATIENT
@given(messages=conversations(whole=True))
def test_a_target_ends_as_the_current_template_shows_the_turn(messages: tuple[Message, ...]) -> None:
    *before, turn = messages
    whole = GEMMA4.prompt(Prompt(tuple(before), ())) + GEMMA4.target(turn)
    assert f"{whole}\n" == templated("gemma4_v5", messages, generate=False, bos_token=BOS)


def test_the_hand_over_to_the_tools_is_learnt() -> None:
    tokenizer = tokenizer_of("gemma4")
    trajectory = Trajectory("t", (), (ASK, BOTH, OK, OK, CALL, OK, DONE))
    rows = list(GEMMA4.rows(trajectory, tokenizer, 4000))
    learnt = [[label for label in row.labels if label != IGNORED] for row in rows]
    assert [tokenizer.decode(each) for each in learnt] == [
        f"{WRITTEN}<|tool_call>call:b{{}}<tool_call|><|tool_response>",
        f"{WRITTEN}<|tool_response>",
        "Done.<turn|>",
    ]
    stops = GEMMA4.stop_ids(tokenizer)
    assert [tokenizer.decode([stop]) for stop in stops] == ["<turn|>", "<|tool_response>", "<eos>"]
    assert all(each[-1] in stops[:2] and not set(each[:-1]) & set(stops) for each in learnt)
    for row, later in pairwise(rows):
        assert later.input_ids[: len(row.input_ids)] == row.input_ids


def test_results_stand_inside_the_model_turn_and_nothing_opens_it_again() -> None:
    expected = (
        f"<bos><|turn>user\nGo<turn|>\n<|turn>model\n{WRITTEN}<|tool_call>call:b{{}}<tool_call|>"
        '<|tool_response>response:a{value:<|"|>ok<|"|>}<tool_response|>'
        '<|tool_response>response:b{value:<|"|>no<|"|>}<tool_response|>'
    )
    assert GEMMA4.prompt(Prompt((ASK, BOTH, OK, Message("tool", "no")), ())) == expected
    swapped = GEMMA4.prompt(Prompt((ASK, BOTH, Message("tool", "no", name="b"), Message("tool", "ok", name="a")), ()))
    assert swapped.index("response:b{") < swapped.index("response:a{")


def test_a_result_without_a_call_is_refused() -> None:
    for messages in ((OK,), (ASK, OK), (ASK, CALL, OK, DONE, OK)):
        with pytest.raises(ValueError, match="only behind the call"):
            GEMMA4.prompt(Prompt(messages, ()))


def test_prose_beside_calls_and_reasoning_are_left_out() -> None:
    """With prose beside calls the template closes the turn behind the results, and the model writes outside of any."""
    prose = Message("assistant", "On it.", (A,), "hm")
    assert GEMMA4.target(prose) == f"{WRITTEN}<|tool_response>"
    assert GEMMA4.prompt(Prompt((ASK, prose, OK), ())) == GEMMA4.prompt(Prompt((ASK, CALL, OK), ()))
    for revision in ("gemma4_v3", "gemma4", "gemma4_v4", "gemma4_v5"):
        assert templated(revision, (ASK, prose, OK), bos_token=BOS).endswith("<tool_response|>On it.<turn|>\n")
    thinking = Message("assistant", "<|channel>thought\nhm<channel|>Done.")
    assert GEMMA4.target(thinking) == "Done.<turn|>"
    shown = templated("gemma4_v5", (ASK, thinking, ASK), bos_token=BOS)
    assert GEMMA4.prompt(Prompt((ASK, thinking, ASK), ())) == shown


def test_keys_are_sorted_regardless_of_case() -> None:
    call = ToolCall("a", {"b": 1, "C": {"z": [1.5, True, None], "Y": "é"}, "a": "x, y: {z}"})
    written = 'call:a{a:<|"|>x, y: {z}<|"|>,b:1,C:{Y:<|"|>é<|"|>,z:[1.5,true,null]}}'
    assert (
        GEMMA4.target(Message("assistant", tool_calls=(call,))) == f"<|tool_call>{written}<tool_call|><|tool_response>"
    )


@given(calls=st.lists(CALLS, min_size=1, max_size=3))
def test_calls_are_read_back_as_written(calls: list[ToolCall]) -> None:
    written = GEMMA4.target(Message("assistant", tool_calls=tuple(calls)))
    assert GEMMA4.parse(written.removesuffix("<|tool_response>")) == ParsedCalls(tuple(calls))


@given(prose=TEXT)
def test_prose_is_read_back_as_written(prose: str) -> None:
    written = GEMMA4.target(Message("assistant", prose))
    assert GEMMA4.parse(written.removesuffix("<turn|>")) == ParsedCalls((), prose.strip())


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (ToolCall("ring bell", {}), "cannot name the function 'ring bell'"),
        (ToolCall("a", {"x": ['<|"|>']}), "holds one of the tags of a call"),
        (ToolCall("a", {"x": "<tool_call|>"}), "holds one of the tags of a call"),
        (ToolCall("a", {"x:y": 1}), "cannot write the key 'x:y'"),
        (ToolCall("a", {"x": {"": 1}}), "cannot write the key ''"),
        (ToolCall("a", {"x": " y"}), None),
        (ToolCall("a", {" x": 1}), "cannot write the key ' x'"),
        (ToolCall("a", {"x": 1e-07}), "read 1e-07 as a text"),
        (ToolCall("a", {"x": "<turn|>"}), r"'<turn\|>', where generation stops"),
        (ToolCall("a", {"x": "<|tool_response>"}), r"'<\|tool_response>', where generation stops"),
    ],
    ids=range(10),
)
def test_what_no_server_would_read_back_makes_no_row(call: ToolCall, problem: str | None) -> None:
    trajectory = Trajectory("odd", (), (ASK, Message("assistant", tool_calls=(call,))))
    if problem is None:
        assert len(list(GEMMA4.rows(trajectory, tokenizer_of("gemma4"), 4000))) == 1
        return
    with pytest.raises(RowError, match=f"'odd', message 1: .*{problem}"):
        list(GEMMA4.rows(trajectory, tokenizer_of("gemma4"), 4000))


@pytest.mark.parametrize(
    ("block", "arguments"),
    [
        ("call:a{ x : 1 ,\ny:[ 1 , {} ] }", {"x": 1, "y": [1, {}]}),
        ('call:a{<|"|>x<|"|>:<|"|><|"|>}', {"x": ""}),
        ("call:a{x:None,y:nil,z:-1.5e-07}", {"x": None, "y": None, "z": -1.5e-07}),
    ],
)
def test_what_the_server_reads_besides(block: str, arguments: dict[str, Any]) -> None:
    text = f"<|channel>thought\nhm\n<channel|>So: <|tool_call>{block}<tool_call|>"
    assert GEMMA4.parse(text) == ParsedCalls((ToolCall("a", arguments),), "So:", "hm")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<|tool_call>call:a{x:1}", "never closed"),
        ("done<tool_call|>", "closes nothing"),
        ("<|tool_call>a{x:1}<tool_call|>", "must be written call:name"),
        ("<|tool_call>call:a<tool_call|>", "must be written call:name"),
        ("<|tool_call>call:a b{}<tool_call|>", "must be written call:name"),
        ("<|tool_call>call:a{x:Paris}<tool_call|>", "not strict JSON"),
        ('<|tool_call>call:a{x:"Paris"}<tool_call|>', "neither a number"),
        ("<|tool_call>call:a{x:1e7}<tool_call|>", "neither a number"),
        ('<|tool_call>call:a{x:<|"|>y}<tool_call|>', "never closed"),
        ("<|tool_call>call:a{x:[1}<tool_call|>", "expected ','"),
        ("<|tool_call>call:a{x:1<tool_call|>", "expected ','"),
        ("<|tool_call>call:a{x:1,}<tool_call|>", "expected a key"),
        ("<|tool_call>call:a{x}<tool_call|>", "expected ':'"),
        ("<|tool_call>call:a{x:}<tool_call|>", "expected a value"),
        ("<|tool_call>call:a{x:1,x:2}<tool_call|>", "stands twice"),
        ("<|tool_call>call:a{}}<tool_call|>", "follows the arguments"),
        (f"<|tool_call>call:a{{x:{'[' * 100_000}<tool_call|>", "more than 50 deep"),
        (f"{WRITTEN}<|tool_call>oops<tool_call|>", "must be written call:name"),
    ],
    ids=range(18),
)
def test_one_malformed_call_fails_the_turn_and_nothing_is_repaired(text: str, reason: str) -> None:
    outcome = GEMMA4.parse(text)
    assert isinstance(outcome, ParseFailure)
    assert reason in outcome.reason


@given(text=st.lists(st.sampled_from(["<|tool_call>", "<tool_call|>", '<|"|>', *"call:{}[],x 1."]), max_size=30))
def test_any_text_is_read_without_an_exception(text: list[str]) -> None:
    assert isinstance(GEMMA4.parse("<|tool_call>call:a{" + "".join(text)), ParsedCalls | ParseFailure)


def test_a_tokenizer_without_the_hand_over_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has no '<turn\|>'; it does not belong to family 'gemma4'"):
        GEMMA4.stop_ids(tokenizer_of("qwen3"))
