"""Definitions of environments, limits and assertions as data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill.environments.assertions import Assertion, failed_assertions
from distill.environments.base import Scenario
from distill.environments.definitions import (
    Definition,
    McpServer,
    PythonModule,
    Setup,
    definition_from_json,
    definition_to_json,
)
from distill.environments.execution import Execution, Job
from distill.environments.gold import with_expected_state
from distill.environments.limits import Limits
from distill.environments.registry import generate_scenarios
from distill.environments.sandbox import NotExecuted, run_jobs
from distill.environments.scenario_files import read_scenarios
from distill.trajectories.rows import TrajectoryError, write_rows
from distill.trajectories.types import JsonValue

TEXTS = st.text(max_size=8)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
DEFINITIONS: st.SearchStrategy[Definition] = st.builds(
    McpServer,
    command=st.lists(TEXTS, max_size=3).map(tuple),
    env=st.dictionaries(TEXTS, TEXTS, max_size=2),
    env_from=st.lists(TEXTS, max_size=2).map(tuple),
    url=TEXTS,
    headers_from=st.dictionaries(TEXTS, TEXTS, max_size=2),
    state_tool=TEXTS,
) | st.builds(PythonModule, source=TEXTS, factory=TEXTS)
LIMITS = st.builds(Limits, seconds=st.floats(0.1, 100), memory_bytes=st.integers(1, 1 << 40), network=st.booleans())
POINTERS = st.lists(st.text(alphabet="ab01~/", max_size=3), max_size=3).map(
    lambda tokens: "".join("/" + one.replace("~", "~0").replace("/", "~1") for one in tokens)
)
ASSERTIONS = (
    st.builds(Assertion, path=POINTERS, operator=st.sampled_from(["equals", "contains"]), value=VALUES)
    | st.builds(Assertion, path=POINTERS, operator=st.just("count"), value=st.integers(0, 5))
    | st.builds(Assertion, path=POINTERS, operator=st.sampled_from(["exists", "absent"]))
)


@given(DEFINITIONS)
def test_definitions_survive_json(definition: Definition) -> None:
    assert definition_from_json(json.loads(json.dumps(definition_to_json(definition)))) == definition


@given(st.dictionaries(TEXTS, DEFINITIONS, max_size=2), LIMITS)
def test_setups_survive_json(definitions: dict[str, Definition], limits: Limits) -> None:
    setup = Setup(definitions, limits)
    assert Setup.from_json(json.loads(json.dumps(setup.to_json()))) == setup


@given(ASSERTIONS)
def test_assertions_survive_json(assertion: Assertion) -> None:
    assert Assertion.from_json(json.loads(json.dumps(assertion.to_json()))) == assertion


@given(ASSERTIONS, st.dictionaries(st.sampled_from("ab01"), VALUES))
def test_what_exists_is_not_absent(assertion: Assertion, state: dict[str, JsonValue]) -> None:
    exists, absent = (replace(assertion, operator=one, value=None) for one in ("exists", "absent"))
    assert (exists.problem(state) is None) != (absent.problem(state) is None)
    if assertion.problem(state) is None and assertion.operator != "absent":
        assert exists.problem(state) is None


STATE: dict[str, JsonValue] = {"orders": {"O-1": {"lines": [{"sku": "a"}, 2, True]}}, "a/b": {"m~n": "text"}, "": None}


@pytest.mark.parametrize(
    ("path", "operator", "value", "problem"),
    [
        ("/orders/O-1/lines/0/sku", "equals", "a", None),
        ("/orders/O-1/lines/1", "equals", True, "/orders/O-1/lines/1 equals true: found 2"),
        ("/orders/O-1/lines/2", "equals", 1, "/orders/O-1/lines/2 equals 1: found true"),
        ("/orders/O-2", "equals", 1, "/orders/O-2 equals 1: there is nothing"),
        ("/a~1b/m~0n", "contains", "ex", None),
        ("/orders", "contains", "O-1", None),
        ("/orders/O-1/lines", "contains", {"sku": "a"}, None),
        ("/orders/O-1/lines", "contains", 1, '/orders/O-1/lines contains 1: found [{"sku": "a"}, 2, true]'),
        ("/orders/O-1/lines", "count", 3, None),
        ("/a~1b/m~0n", "count", 4, '/a~1b/m~0n count 4: found "text"'),
        ("/orders/O-1/lines/3", "exists", None, "/orders/O-1/lines/3 exists: there is nothing"),
        ("/orders/O-1/lines/01", "absent", None, None),
        ("/", "exists", None, None),
        ("", "count", 3, None),
    ],
)
def test_an_assertion_says_why_it_does_not_hold(
    path: str, operator: str, value: JsonValue, problem: str | None
) -> None:
    assert Assertion(path, operator, value).problem(STATE) == problem  # type: ignore[arg-type]  # an operator


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"path": "orders", "operator": "exists"}, "path must be a JSON pointer"),
        ({"path": "/a", "operator": "is"}, "operator must be one of: equals"),
        ({"path": "/a", "operator": "equals"}, "equals takes a value"),
        ({"path": "/a", "operator": "exists", "value": 1}, "exists takes no value"),
        ({"path": "/a", "operator": "count", "value": True}, "the value of count must be a number"),
        ({"path": "/a", "operator": "exists", "valeu": 1}, "it has no valeu"),
    ],
)
def test_an_assertion_that_is_none_is_refused(row: dict[str, JsonValue], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Assertion.from_json(row)


def test_all_failed_assertions_are_told() -> None:
    wrong = Assertion("/orders", "absent"), Assertion("/carts", "exists")
    assert len(failed_assertions([*wrong, Assertion("/orders", "exists")], STATE)) == 2


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        (McpServer(), "command"),
        (McpServer(("a",), url="http://a"), "command"),
        (McpServer(url="ftp://a"), "url"),
        (McpServer(url="http://u:p@a/mcp"), "url"),
        (McpServer(url="http://a", env={"A": "b"}), "env"),
        (McpServer(("a",), headers_from={"A": "b"}), "headers_from"),
        (PythonModule("my shop"), "source"),
        (PythonModule("shop.py", "create()"), "factory"),
    ],
)
def test_a_definition_that_cannot_work_says_where(definition: Definition, field: str) -> None:
    assert field in [name for name, _ in definition.problems()]


def module(folder: Path, text: str, factory: str = "create") -> NotExecuted:
    """Why a module cannot be an environment."""
    path = folder / "mine.py"
    path.write_text(text)
    (found,) = run_jobs([Job("mine", 1, ())], 0, Setup({"mine": PythonModule(str(path), factory)}))
    assert isinstance(found, NotExecuted)
    return found


def test_what_is_wrong_with_a_module_is_told_with_its_place(tmp_path: Path) -> None:
    place = f"{tmp_path / 'mine.py'}:2: "
    assert f"{place}ModuleNotFoundError: No module named 'shopp'" in module(tmp_path, "\nimport shopp\n").reason
    assert f"{place}SyntaxError: " in module(tmp_path, "\ndef create(:\n").reason
    assert f"{place}KeyError: 'a'" in module(tmp_path, "def create():\n    return {}['a']\n").reason
    assert "has no function make()" in module(tmp_path, "create = 1\n", "make").reason
    assert "made a int without reset()" in module(tmp_path, "create = int\n").reason


def shop_scenarios() -> list[Scenario]:
    return [
        one
        for split in ("train", "heldout")
        for one in generate_scenarios("shop", split, "single", 2, 3)  # type: ignore[arg-type]  # splits
    ]


def test_a_file_of_scenarios_is_read_as_it_was_written(tmp_path: Path) -> None:
    asserting = [replace(one, assertions=(Assertion("/orders", "exists"),)) for one in shop_scenarios()]
    path = tmp_path / "scenarios.jsonl"
    write_rows(path, (one.to_json() for one in asserting))
    assert read_scenarios(path, "shop") == asserting
    assert "assertions" not in shop_scenarios()[0].to_json()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"environment": "desk"}, "environment: is 'desk', and must be 'shop'"),
        ({"split": "test"}, "split: 'test' is none of: train, heldout"),
        ({"category": "hard"}, "category: 'hard' is none of"),
        ({"env_seed": "1"}, "env_seed: must be a whole number"),
        ({"tools": [{"name": "a", "parameters": {"type": "array"}}]}, r"tools\[0\].parameters: "),
        ({"turns": []}, "turns: there are none"),
        (
            {"turns": [{"message": "a", "steps": [{"calls": [{"name": "fly", "arguments": {}}]}]}]},
            r"calls\[0\].name: fly",
        ),
        ({"assertions": [{"path": "/a", "operator": "is"}]}, r"assertions\[0\]: operator must be one of"),
        ({"id": None}, "id: expected a text"),
    ],
)
def test_a_malformed_scenario_is_told_with_file_line_and_field(
    tmp_path: Path, change: dict[str, JsonValue], field: str
) -> None:
    path = tmp_path / "scenarios.jsonl"
    first, second, *_ = shop_scenarios()
    write_rows(path, [first.to_json(), {**second.to_json(), **change}])
    with pytest.raises(TrajectoryError, match=f"scenarios.jsonl, line 2, .*{field}"):
        read_scenarios(path, "shop")


def test_both_splits_and_different_ids_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "scenarios.jsonl"
    first = shop_scenarios()[0].to_json()
    write_rows(path, [first])
    with pytest.raises(TrajectoryError, match="no line is of the split heldout"):
        read_scenarios(path, "shop")
    write_rows(path, [first, first])
    with pytest.raises(TrajectoryError, match=r"line 2, id: .* is the id of line 1 already"):
        read_scenarios(path, "shop")
    with pytest.raises(TrajectoryError, match="cannot be read: No such file"):
        read_scenarios(tmp_path / "none", "shop")


def test_the_expected_state_can_be_computed() -> None:
    scenarios = shop_scenarios()
    unknown = [replace(one, expected_state="") for one in scenarios]
    assert with_expected_state(unknown) == scenarios
    wrong = replace(scenarios[0], assertions=(Assertion("/orders", "absent"),))
    with pytest.raises(ValueError, match=r"the right calls of scenario .* break /orders absent"):
        with_expected_state([wrong])


def test_assertions_are_checked_where_the_calls_run() -> None:
    checks = Assertion("/orders", "exists"), Assertion("/orders", "count", 0)
    (found,) = run_jobs([Job("shop", 3, (), checks)], 60)
    assert isinstance(found, Execution)
    (told,) = found.failed_assertions
    assert told.startswith("/orders count 0: found ")
