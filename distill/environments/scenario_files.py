"""Scenarios of the user's own, in JSON Lines files: each line is what ``Scenario.to_json`` writes."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from distill.environments.assertions import Assertion
from distill.environments.base import Category, Scenario, Split
from distill.environments.schema import argument_problem, schema_problem
from distill.trajectories.calls import call_from_json, tool_from_json
from distill.trajectories.rows import FieldError, Row, TrajectoryError, decode_list, list_field, read_rows, text_field
from distill.trajectories.types import JsonValue, ToolSpec


def read_scenarios(path: Path, environment: str) -> list[Scenario]:
    """The scenarios of a file, all of the environment of this name, in their order.

    Raises:
        TrajectoryError: naming file, line and field. Also where an id occurs twice, or a split not at all.
    """
    seen: dict[str, int] = {}

    def decode(row: Row, line: int) -> Scenario:
        scenario = _scenario(row, environment)
        if scenario.id in seen:
            raise FieldError("id", f"{scenario.id!r} is the id of line {seen[scenario.id]} already; choose another")
        seen[scenario.id] = line
        return scenario

    try:
        scenarios = list(read_rows(path, decode))
    except OSError as error:
        raise TrajectoryError(path, 0, "the file", f"cannot be read: {error.strerror}") from error
    for split in get_args(Split):
        if all(scenario.split != split for scenario in scenarios):
            raise TrajectoryError(path, len(seen), "split", f"no line is of the split {split}; both are needed")
    return scenarios


def _scenario(row: Row, environment: str) -> Scenario:
    if text_field(row, "environment", "environment") != environment:
        raise FieldError("environment", f"is {row['environment']!r}, and must be {environment!r}, as in the recipe")
    _one_of(row, "split", get_args(Split))
    _one_of(row, "category", get_args(Category))
    for name in ("id", "expected_state"):
        text_field(row, name, name, None if name == "id" else "")
    if not row["id"]:
        raise FieldError("id", "is empty; each scenario needs one of its own")
    if type(row.get("env_seed")) is not int:
        raise FieldError("env_seed", "must be a whole number")
    tools = decode_list(list_field(row, "tools", "tools"), "tools", tool_from_json)
    for index, tool in enumerate(tools):
        if problem := schema_problem(tool):
            raise FieldError(f"tools[{index}].parameters", problem)
    _check_turns(row, {tool.name: tool for tool in tools})
    _check_assertions(row)
    return Scenario.from_json({"expected_state": "", **row})


def _one_of(row: Row, name: str, options: tuple[str, ...]) -> None:
    if text_field(row, name, name) not in options:
        raise FieldError(name, f"{row[name]!r} is none of: {', '.join(options)}")


def _check_turns(row: Row, tools: dict[str, ToolSpec]) -> None:
    turns = list_field(row, "turns", "turns")
    if not turns:
        raise FieldError("turns", "there are none; a scenario begins with a message of the user")
    for index, value in enumerate(turns):
        field = f"turns[{index}]"
        turn = _object(value, field)
        for name in ("message", "answer", "asks_for"):
            turn[name] = text_field(turn, name, f"{field}.{name}", None if name == "message" else "")
        steps = list_field(turn, "steps", f"{field}.steps")
        turn["steps"] = steps
        for number, step in enumerate(steps):
            _check_step(_object(step, f"{field}.steps[{number}]"), f"{field}.steps[{number}]", tools)


def _check_step(step: Row, field: str, tools: dict[str, ToolSpec]) -> None:
    step["reasoning"] = text_field(step, "reasoning", f"{field}.reasoning", "")
    calls = list_field(step, "calls", f"{field}.calls")
    step["calls"] = calls
    for index, call in enumerate(decode_list(calls, f"{field}.calls", call_from_json)):
        where = f"{field}.calls[{index}]"
        if call.name not in tools:
            raise FieldError(f"{where}.name", f"{call.name} is none of the scenario's tools: {', '.join(tools)}")
        if problem := argument_problem(tools[call.name], call.arguments):
            raise FieldError(f"{where}.arguments", problem)


def _check_assertions(row: Row) -> None:
    for index, value in enumerate(list_field(row, "assertions", "assertions")):
        field = f"assertions[{index}]"
        try:
            Assertion.from_json(_object(value, field))
        except FieldError:
            raise
        except ValueError as error:
            raise FieldError(field, str(error)) from error


def _object(value: JsonValue, field: str) -> Row:
    if not isinstance(value, dict):
        raise FieldError(field, "must be an object")
    return value
