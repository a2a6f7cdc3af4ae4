"""Prompts, targets and rows of each family, against the publishers' own templates where they exist as data."""

import json
from importlib.resources import files

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from distill.families import family_named
from distill.families.base import IGNORED, Prompt, Row, RowError, checked_row
from distill.standins import checkpoint
from distill.trajectories.calls import tool_to_json
from distill.trajectories.types import Message, ToolCall, ToolSpec, Trajectory
from tests.distill.families.tiny_tokenizers import tokenizer_of

TOOLS = (
    ToolSpec(
        "open_gate",
        "Open a gate – für alle.",
        {"type": "object", "properties": {"gate": {"type": "integer"}}, "required": ["gate"]},
    ),
    ToolSpec("ring_bell", "Ring the bell.", {"type": "object", "properties": {}}),
)
CALL = Message("assistant", tool_calls=(ToolCall("open_gate", {"gate": 4}),))
TWO_CALLS = Message("assistant", "Doing both.", (ToolCall("open_gate", {"gate": 4}), ToolCall("ring_bell", {})))
CONVERSATIONS = {
    "one turn": (Message("user", "Open gate 4"),),
    "system": (Message("system", "Be brief."), Message("user", "Hi")),
    "history": (
        Message("user", "Open 4"),
        CALL,
        Message("tool", '{"ok": true}'),
        Message("assistant", "Done."),
        Message("user", "And é?"),
    ),
    "pending results": (Message("user", "Open 4"), TWO_CALLS, Message("tool", "a"), Message("tool", "b")),
    "prose history": (Message("user", "Hi"), Message("assistant", "Hello!"), Message("user", "Open gate 4")),
}


@pytest.fixture(params=["qwen3", "xlam", "llama3", "gemma4"])
def family_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tokenizer(family_name: str) -> PreTrainedTokenizerBase:
    return tokenizer_of(family_name)


def openai_messages(messages: tuple[Message, ...]) -> list[dict[str, object]]:
    return [
        {
            "role": message.role,
            "content": message.content,
            "tool_calls": [
                {"type": "function", "function": {"name": call.name, "arguments": dict(call.arguments)}}
                for call in message.tool_calls
            ],
        }
        for message in messages
    ]


def templated(messages: tuple[Message, ...], tools: tuple[ToolSpec, ...], template: str | None, generate: bool) -> str:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint("qwen3"))
    text = tokenizer.apply_chat_template(
        openai_messages(messages),
        tools=[{"type": "function", "function": tool_to_json(tool)} for tool in tools] or None,
        chat_template=template,
        add_generation_prompt=generate,
        enable_thinking=False,
        tokenize=False,
    )
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("tools", [TOOLS, ()], ids=["tools", "no tools"])
@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_qwen3_prompts_equal_the_published_template(conversation: str, tools: tuple[ToolSpec, ...]) -> None:
    messages = CONVERSATIONS[conversation]
    published = (files("trl") / "chat_templates" / "qwen3.jinja").read_text()
    rendered = family_named("qwen3").prompt(Prompt(messages, tools))
    assert rendered == templated(messages, tools, published, generate=True)
    assert rendered == templated(messages, tools, None, generate=True), "the stand-in's own template differs"


@pytest.mark.parametrize("turn", [CALL, TWO_CALLS, Message("assistant", "Sorry.")], ids=["call", "calls", "prose"])
def test_qwen3_writes_turns_as_the_published_template_shows_them(turn: Message) -> None:
    published = (files("trl") / "chat_templates" / "qwen3.jinja").read_text()
    messages = (Message("user", "Open gate 4"), turn)
    family = family_named("qwen3")
    whole = family.prompt(Prompt(messages[:1], TOOLS)) + family.target(turn) + "\n"
    assert whole == templated(messages, TOOLS, published, generate=False)


def test_xlam_prompt_and_target() -> None:
    family = family_named("xlam")
    text = family.prompt(Prompt((Message("system", "Be brief."), Message("user", "Open gate 4")), TOOLS[1:]))
    head, _, query = text.partition("[BEGIN OF QUERY]")
    assert head.startswith("<｜begin▁of▁sentence｜>Be brief.\n### Instruction:\n[BEGIN OF TASK INSTRUCTION]\n")
    tool = {"name": "ring_bell", "description": "Ring the bell.", "parameters": {}}
    assert f"[BEGIN OF AVAILABLE TOOLS]\n{json.dumps([tool])}\n[END OF AVAILABLE TOOLS]" in head
    assert query == "\nOpen gate 4\n[END OF QUERY]\n\n\n### Response:\n"
    written = '{"tool_calls": [{"name": "open_gate", "arguments": {"gate": 4}}]}\n<|EOT|>'
    assert family.target(CALL) == written
    assert family.target(Message("assistant")) == '{"tool_calls": []}\n<|EOT|>'
    assert family.target(Message("assistant", "Sorry.")) == "Sorry.\n<|EOT|>"
    thought = Message("assistant", tool_calls=(ToolCall("ring_bell", {}),), reasoning="It is gate 4.")
    written = '{"thought": "It is gate 4.", "tool_calls": [{"name": "ring_bell", "arguments": {}}]}\n<|EOT|>'
    assert family.target(thought) == written
    history = family.prompt(Prompt((*CONVERSATIONS["history"][:4], Message("user", "And?"), thought), TOOLS))
    assert history.endswith(
        '\n### Instruction:\n{"ok": true}\n### Response:\nDone.\n<|EOT|>\n### Instruction:\nAnd?\n'
        f"### Response:\n{written}\n### Response:\n"
    )


def test_rows_train_only_what_the_assistant_writes(family_name: str, tokenizer: PreTrainedTokenizerBase) -> None:
    family = family_named(family_name)
    messages = (*CONVERSATIONS["history"], CALL)
    rows = list(family.rows(Trajectory("t", TOOLS, messages), tokenizer, 4096))
    assert len(rows) == 3
    for row, index in zip(rows, (1, 3, 5), strict=True):
        learnt = [label for label in row.labels if label != IGNORED]
        assert tokenizer.decode(learnt) == family.target(messages[index])
        prompt = family.prompt_ids(Prompt(messages[:index], TOOLS), tokenizer)
        assert list(row.input_ids) == prompt + learnt
        assert row.labels[: len(prompt)] == (IGNORED,) * len(prompt)
        assert tokenizer.decode(learnt[-1]) in family.stop_tokens


def test_rendering_survives_tokenisation(family_name: str, tokenizer: PreTrainedTokenizerBase) -> None:
    family = family_named(family_name)
    for messages in CONVERSATIONS.values():
        prompt = Prompt(messages, TOOLS)
        assert tokenizer.decode(family.prompt_ids(prompt, tokenizer)) == family.prompt(prompt)


def test_a_row_over_the_limit_is_refused(family_name: str, tokenizer: PreTrainedTokenizerBase) -> None:
    trajectory = Trajectory("too-long", TOOLS, (Message("user", "word " * 200), CALL))
    with pytest.raises(RowError, match=r"'too-long', message 1: \d+ tokens exceed the limit of 200; raise max_length"):
        list(family_named(family_name).rows(trajectory, tokenizer, 200))


def test_a_target_that_could_not_be_generated_is_refused(family_name: str, tokenizer: PreTrainedTokenizerBase) -> None:
    family = family_named(family_name)
    call = ToolCall("ring_bell", {"note": f"a{family.stop_tokens[0]}b"})
    trajectory = Trajectory("cut", TOOLS, (Message("user", "Hi"), Message("assistant", tool_calls=(call,))))
    with pytest.raises(RowError, match=r"'cut', message 1: the text holds '.*', where generation stops; remove it"):
        list(family.rows(trajectory, tokenizer, 4096))


def test_a_trajectory_with_nothing_to_learn_is_refused(family_name: str, tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(RowError, match="'silent' has no assistant turn"):
        list(family_named(family_name).rows(Trajectory("silent", (), (Message("user", "Hi"),)), tokenizer, 200))
    with pytest.raises(RowError, match="every token is masked"):
        checked_row(Row((1, 2), (IGNORED, IGNORED)), "masked")


def test_a_tokenizer_of_another_family_is_refused() -> None:
    with pytest.raises(ValueError, match="does not belong to family 'qwen3'"):
        family_named("qwen3").stop_ids(AutoTokenizer.from_pretrained(checkpoint("xlam")))
