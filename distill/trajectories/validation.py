"""What is wrong with training data: every problem of a trajectory, and ids that stand twice in a file.

Pure. The JSON schemas of tools come out of the file, so they are not trusted: references leave no file and no network
is asked.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from distill.environments.schema import argument_problem, schema_problem
from distill.trajectories.formats.base import Format, read_row, unpacked
from distill.trajectories.rows import FieldError, Row
from distill.trajectories.turns import answered
from distill.trajectories.types import JsonValue, Message, Source, ToolCall, ToolSpec, Trajectory

MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem, and what to do about it.

    ``kind`` is one of: malformed, unknown_role, turn_out_of_order, orphan_observation, unanswered_call, unknown_tool,
    invalid_arguments, invalid_schema, duplicate_tool, duplicate_call_id, duplicate_id. ``field`` is the row's own name.
    """

    line: int
    field: str
    kind: str
    problem: str

    def to_json(self) -> dict[str, JsonValue]:
        return {"line": self.line, "field": self.field, "kind": self.kind, "problem": self.problem}


@dataclass(slots=True)
class ValidationReport:
    """How many rows were read, the first problems by line, and how many there are of each kind."""

    rows: int = 0
    problems: list[Problem] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "rows": self.rows,
            "problem_count": self.counts.total(),
            "counts": dict(sorted(self.counts.items())),
            "problems": [problem.to_json() for problem in self.problems],
        }


def validate_rows(
    form: Format, file: str, rows: Iterable[tuple[int, Row | FieldError]], most: int = MOST_PROBLEMS
) -> ValidationReport:
    """Validate a file's rows, and keep so many problems, the first by line."""
    report, ids = ValidationReport(), _Ids()
    for line, row in rows:
        report.rows += 1
        for problem in _row_problems(form, row, Source(form.name, file, line), ids):
            report.counts[problem.kind] += 1
            if len(report.problems) < most:
                report.problems.append(problem)
    for line, first in ids.repeated():
        report.counts["duplicate_id"] += 1
        text = f"the id of this row stands in line {first} already; give each row an id of its own, or remove one"
        report.problems.append(Problem(line, "id", "duplicate_id", text))
        if len(report.problems) >= 2 * most:
            report.problems = _first(report.problems, most)
    report.problems = _first(report.problems, most)
    return report


def _first(problems: list[Problem], most: int) -> list[Problem]:
    return sorted(problems, key=lambda problem: problem.line)[:most]


def _row_problems(form: Format, row: Row | FieldError, source: Source, ids: _Ids) -> Iterator[Problem]:
    try:
        if isinstance(row, FieldError):
            raise row
        trajectory = read_row(form, row, source)
    except FieldError as error:
        yield Problem(source.line, error.field, error.kind, error.problem)
        return
    ids.add(trajectory.id, source.line)
    plain = unpacked(form, row)
    for found in trajectory_problems(trajectory):
        yield Problem(source.line, _field(form, plain, found), found.kind, found.problem)


@dataclass(frozen=True, slots=True)
class Found:
    """A problem of a trajectory: with a tool, or with a message or one of its calls."""

    kind: str
    problem: str
    tool: int | None = None
    message: int = 0
    call: int | None = None
    part: str = ""


def _field(form: Format, plain: Row, found: Found) -> str:
    if found.tool is not None:
        return f"{form.tools_column}[{found.tool}]{found.part}"
    return form.place(plain, found.message, found.call) + found.part


def trajectory_problems(trajectory: Trajectory) -> Iterator[Found]:
    """Every problem of one trajectory that was read."""
    broken: set[str] = set()
    for found in _tool_problems(trajectory):
        broken.add(trajectory.tools[found.tool or 0].name)
        yield found
    for index, message in enumerate(trajectory.messages):
        if not _is_encodable(message.content + (message.reasoning or "")):
            yield Found("malformed", "it holds half a surrogate pair; remove that character", message=index)
    yield from _turn_problems(trajectory.messages)
    yield from _result_problems(trajectory.messages)
    yield from _call_problems(trajectory, broken)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _tool_problems(trajectory: Trajectory) -> Iterator[Found]:
    seen: set[str] = set()
    for index, tool in enumerate(trajectory.tools):
        if tool.name in seen:
            yield Found("duplicate_tool", f"{tool.name} is offered already; keep one of them", tool=index)
        seen.add(tool.name)
        problem = schema_problem(tool)
        if problem is not None:
            text = f"{problem}; correct the JSON schema of {tool.name}"
            yield Found("invalid_schema", text, tool=index, part=".parameters")


def _turn_problems(messages: Sequence[Message]) -> Iterator[Found]:
    """System first, then the user, then each after the other. Prompts may have several messages of the user's."""
    is_prompt = not any(message.role == "assistant" for message in messages)
    before = ""
    for index, message in enumerate(messages):
        role, problem = message.role, ""
        if role == "system" and index:
            problem = "a system message can only stand first; move it, or join it with the first"
        elif role == "assistant" and before in ("", "system"):
            problem = "the assistant speaks before the user; add the user's message"
        elif role == "assistant" and before == "assistant" and not messages[index - 1].tool_calls:
            problem = "two assistant turns follow each other; join them, or add what the user said in between"
        elif role == "user" and before == "user" and not is_prompt:
            problem = "two user messages follow each other; join them, or add the assistant's turn in between"
        if role not in ("assistant", "tool") and message.tool_calls:
            problem = f"a message of the role {role} calls tools; only the assistant can"
        if problem:
            yield Found("turn_out_of_order", problem, message=index)
        before = role


def _result_problems(messages: Sequence[Message]) -> Iterator[Found]:
    """Each result answers a call of the turn before it; each call is answered before the conversation goes on."""
    waiting: list[ToolCall] = []
    caller, results = 0, 0
    for index, message in enumerate(messages):
        if message.role != "tool":
            yield from _unanswered(waiting, caller, f"before messages[{index}]")
            waiting, caller, results = list(message.tool_calls), index, 0
            continue
        call = answered(message, waiting)
        if call is None:
            text = "no call before it waits for this result; add the call, or remove the result"
            yield Found("orphan_observation", text, message=index)
            continue
        waiting.remove(call)
        results += 1
        if message.name not in (None, call.name):
            text = f"it answers the call to {call.name}, not {message.name}; put results in the order of their calls"
            yield Found("orphan_observation", text, message=index)
    if results:  # A conversation may end with calls that nothing has answered yet.
        yield from _unanswered(waiting, caller, "after it")


def _unanswered(waiting: Sequence[ToolCall], caller: int, where: str) -> Iterator[Found]:
    for call in waiting:
        yield Found("unanswered_call", f"no result of {call.name} follows; add it {where}", message=caller)


def _call_problems(trajectory: Trajectory, broken: set[str]) -> Iterator[Found]:
    tools = {tool.name: tool for tool in trajectory.tools}
    ids: set[str] = set()
    for index, message in enumerate(trajectory.messages):
        for number, call in enumerate(message.tool_calls):
            if call.id and call.id in ids:
                text = f"the id {call.id!r} is another call's; give it its own"
                yield Found("duplicate_call_id", text, message=index, call=number)
            ids.add(call.id)
            problem = None if call.name in broken else _call_problem(tools, call)
            if problem is not None:
                kind, text, part = problem
                yield Found(kind, text, message=index, call=number, part=part)


def _call_problem(tools: Mapping[str, ToolSpec], call: ToolCall) -> tuple[str, str, str] | None:
    """Kind, problem, and which part of the call has it."""
    if call.name not in tools:
        offered = ", ".join(tools) or "none"
        return "unknown_tool", f"{call.name} is not offered (offered: {offered}); add the tool, or remove the row", ""
    problem = argument_problem(tools[call.name], call.arguments)
    return (
        None if problem is None else ("invalid_arguments", f"{problem}; correct the call or the schema", ".arguments")
    )


class _Ids:
    """Ids of rows in 16 bytes each, by a digest of 64 bits: two of a million different ones are taken for one in one of
    ten million files.
    """

    _SHARDS = 256

    def __init__(self) -> None:
        self._hashes = [array("Q") for _ in range(self._SHARDS)]
        self._lines = [array("Q") for _ in range(self._SHARDS)]

    def add(self, row_id: str, line: int) -> None:
        digest = hashlib.blake2b(row_id.encode(errors="surrogatepass"), digest_size=8).digest()
        self._hashes[digest[0]].append(int.from_bytes(digest))
        self._lines[digest[0]].append(line)

    def repeated(self) -> Iterator[tuple[int, int]]:
        """The line of each row whose id came before, with the line that it came in first."""
        for hashes, lines in zip(self._hashes, self._lines, strict=True):
            first: dict[int, int] = {}
            for number, line in zip(hashes, lines, strict=True):
                if first.setdefault(number, line) != line:
                    yield line, first[number]
