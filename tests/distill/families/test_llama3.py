"""Llama 3: the published templates of 3.1 and 3.2, and what vLLM's parser ``llama3_json`` reads."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill.families import family_named
from distill.families.base import IGNORED, Prompt, RowError
from distill.trajectories.calls import ParsedCalls, ParseFailure
from distill.trajectories.turns import successive_calls
from distill.trajectories.types import Message, ToolCall, ToolSpec, Trajectory
from tests.distill.families.conversations import CALLS, PATIENT, TOOLS, conversations, templated
from tests.distill.families.tiny_tokenizers import tokenizer_of

LLAMA3 = family_named("llama3")
# Without it, the template of 3.2 writes the day's date.
OPTIONS: dict[str, Any] = {"bos_token": "<|begin_of_text|>", "date_string": "26 Jul 2024"}
ONE_CALL = conversations(parallel=1)
ASK, DONE = Message("user", "Go"), Message("assistant", "Done.")
A, B = ToolCall("a", {"x": 1}), ToolCall("b", {})
BELL = ToolSpec("ring_bell", "Ring – für alle.", {"type": "object", "properties": {}})


@pytest.mark.parametrize("revision", ["llama3_1", "llama3_2"])
@PATIENT
@given(messages=ONE_CALL, tools=TOOLS)
def test_prompts_equal_the_published_templates(
    revision: str, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]
) -> None:
    assert LLAMA3.prompt(Prompt(messages, tools)) == templated(revision, messages, tools, **OPTIONS)


@PATIENT
@given(messages=conversations(whole=True), tools=TOOLS)
def test_parallel_calls_are_prompted_as_successive_turns(
    messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]
) -> None:
    rendered = LLAMA3.prompt(Prompt(messages, tools))
    assert rendered == templated("llama3_1", successive_calls(messages), tools, **OPTIONS)
    assert rendered.count('{"name": "') >= sum(len(message.tool_calls) for message in messages)


def test_without_a_date_only_3_1_writes_the_one_of_training() -> None:
    ours = LLAMA3.prompt(Prompt((ASK,), ()))
    assert "Today Date: 26 Jul 2024\n" in ours
    assert ours == templated("llama3_1", (ASK,), bos_token="<|begin_of_text|>")
    assert ours != templated("llama3_2", (ASK,), bos_token="<|begin_of_text|>")


@PATIENT
@given(messages=conversations(whole=True), tools=TOOLS)
def test_a_prompt_begins_with_the_earlier_prompt_and_what_was_written(
    messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]
) -> None:
    turns = LLAMA3.conversation(messages)
    whole = LLAMA3.prompt(Prompt(turns, tools))
    for index, turn in enumerate(turns):
        if turn.role == "assistant":
            assert whole.startswith(LLAMA3.prompt(Prompt(turns[:index], tools)) + LLAMA3.target(turn))


def test_a_call_is_bare_with_parameters_and_a_result_is_ipython_json() -> None:
    messages = (ASK, Message("assistant", "dropped", (A,), "dropped"), Message("tool", '{"ok": "é"}'))
    assert LLAMA3.target(messages[1]) == '{"name": "a", "parameters": {"x": 1}}<|eot_id|>'
    end = '<|start_header_id|>ipython<|end_header_id|>\n\n"{\\"ok\\": \\"é\\"}"<|eot_id|>'
    assert LLAMA3.prompt(Prompt(messages, ())).endswith(end + "<|start_header_id|>assistant<|end_header_id|>\n\n")


@given(call=CALLS)
def test_a_call_is_read_back_as_written(call: ToolCall) -> None:
    written = LLAMA3.target(Message("assistant", tool_calls=(call,)))
    assert LLAMA3.parse(written.removesuffix("<|eot_id|>")) == ParsedCalls((call,))


def test_tools_need_a_user_message_to_stand_in() -> None:
    for messages in ((), (DONE, ASK)):
        with pytest.raises(ValueError, match="must begin with a user message"):
            LLAMA3.prompt(Prompt(messages, (BELL,)))


def test_several_calls_in_one_target_are_refused() -> None:
    with pytest.raises(ValueError, match="holds one call"):
        LLAMA3.target(Message("assistant", tool_calls=(A, B)))


def test_rows_hold_one_call_each() -> None:
    tokenizer = tokenizer_of("llama3")
    messages = (ASK, Message("assistant", tool_calls=(A, B)), Message("tool", "1"), Message("tool", "2"), DONE)
    rows = list(LLAMA3.rows(Trajectory("t", (BELL,), messages), tokenizer, 4000))
    learnt = [tokenizer.decode([label for label in row.labels if label != IGNORED]) for row in rows]
    assert learnt == [
        '{"name": "a", "parameters": {"x": 1}}<|eot_id|>',
        '{"name": "b", "parameters": {}}<|eot_id|>',
        "Done.<|eot_id|>",
    ]
    assert rows[1].input_ids[: len(rows[0].input_ids)] == rows[0].input_ids


def test_parallel_calls_without_results_make_no_row() -> None:
    trajectory = Trajectory("open", (BELL,), (ASK, Message("assistant", tool_calls=(A, B))))
    with pytest.raises(RowError, match=r"'open': message 1 makes 2 calls at once, .* add one result a call"):
        list(LLAMA3.rows(trajectory, tokenizer_of("llama3"), 4000))


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('<|python_tag|>{"name": "a", "parameters": {"x": 1}}', (A,)),
        ('{"name": "a", "arguments": {"x": 1}}', (A,)),
        ('{"name": "a", "parameters": {"x": 1}}; {"name": "b", "parameters": {}}', (A, B)),
        ('{"type": "function", "name": "a", "parameters": {"x": 1}}', (A,)),
        ('I ring.\n{"name": "a", "parameters": {"x": 1}} Done.', (A,)),
    ],
)
def test_every_style_that_the_server_reads(text: str, calls: tuple[ToolCall, ...]) -> None:
    assert LLAMA3.parse(text) == ParsedCalls(calls)


@pytest.mark.parametrize("text", ["I cannot do that. ", "Use {braces}.", 'Then: {"name": "a", "param'])
def test_prose_that_the_server_shows_calls_nothing(text: str) -> None:
    assert LLAMA3.parse(text) == ParsedCalls((), text.strip())


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        (' {"name": "a", "param', 1, "not strict JSON"),
        ('{"name": "a"}', 0, "object of parameters"),
        ('{"name": "a", "parameters": "{}"}', 0, "object of parameters"),
        ('{"name": "a", "parameters": {}, "arguments": {}}', 0, "either arguments or parameters"),
        ('{"parameters": {}}', 0, "no name"),
        ('{"name": "a", "parameters": {"x": NaN}}', 0, "NaN"),
        ('{"name": "a", "parameters": {}} {oops}', 32, "not strict JSON"),
        ('<|python_tag|>search.call(query="x")', 0, "no JSON object"),
        ('{"name": "a", "parameters": ' + '{"x": ' * 100_000, 0, "not strict JSON"),
    ],
    ids=range(9),
)
def test_a_turn_that_means_to_call_and_cannot_be_read_fails(text: str, position: int, reason: str) -> None:
    outcome = LLAMA3.parse(text)
    assert isinstance(outcome, ParseFailure)
    assert outcome.position == position
    assert reason in outcome.reason


@given(text=st.text(max_size=40) | st.text('{}[]":, name"arguments1;', max_size=60))
def test_any_text_is_read_without_an_exception(text: str) -> None:
    assert isinstance(LLAMA3.parse(text), ParsedCalls | ParseFailure)
