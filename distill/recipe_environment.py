"""The environment of a recipe: a built-in world, an MCP server or a Python module, and its scenarios. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, get_args

from distill.environments.base import LEVELS, Category
from distill.environments.definitions import Definition, McpServer, PythonModule, Setup, definition_to_json
from distill.environments.limits import Limits
from distill.recipe_reader import Reader
from spiritsafe.distill.v1 import run_pb2

_FIELD = "recipe.environment"
CUSTOM = "custom"
"""What an environment that is not built in is called where the recipe does not say."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Fields and their meaning as in the contract's Environment."""

    name: str
    categories: tuple[str, ...]
    teacher_scenarios: int
    rollout_scenarios: int
    evaluation_scenarios: int
    difficulty: str = ""
    mcp: McpServer | None = None
    module: PythonModule | None = None
    scenarios_path: str = ""
    limits: Limits = field(default_factory=Limits)

    @property
    def definition(self) -> Definition | None:
        """What it is, where it is not built in."""
        return self.mcp or self.module

    @property
    def setup(self) -> Setup:
        """What a sandbox needs to run it."""
        return Setup({self.name: self.definition}, self.limits) if self.definition else Setup()

    def identity(self, sources: Mapping[str, str]) -> dict[str, Any]:
        """All that decides what its scenarios are and what comes of their calls.

        ``sources`` are content digests: of the user's ``scenarios`` and ``module``, where there are such files.
        """
        values: dict[str, Any] = {"name": self.name, "categories": self.categories, "difficulty": self.difficulty}
        if self.scenarios_path:
            values["scenarios"] = sources["scenarios"]
        if self.definition is not None:
            values |= {"definition": definition_to_json(self.definition), "limits": self.limits.to_json()}
        return {**values, **({"module": sources["module"]} if self.module and self.module.is_file else {})}

    def to_proto(self) -> run_pb2.Environment:
        """As a message."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return run_pb2.Environment(
            **{
                **values,
                "mcp": run_pb2.McpServer(**asdict(self.mcp)) if self.mcp else None,
                "module": run_pb2.PythonModule(**asdict(self.module)) if self.module else None,
                "limits": run_pb2.EnvironmentLimits(**asdict(self.limits)) if self.definition else None,
            }
        )

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Environment:
        """Read what ``dataclasses.asdict`` made, also after a way through JSON."""
        return cls(
            **{
                **row,
                "categories": tuple(row["categories"]),
                "mcp": McpServer.from_json(row["mcp"]) if row["mcp"] else None,
                "module": PythonModule(**row["module"]) if row["module"] else None,
                "limits": Limits.from_json(row["limits"]),
            }
        )


def read_environment(message: run_pb2.Environment, known: Mapping[str, tuple[str, ...]], reader: Reader) -> Environment:
    """The environment with every default filled in; ``known`` are the categories of the built-in worlds, by name."""
    mcp = _read_server(message.mcp, reader) if message.HasField("mcp") else None
    module = _read_module(message.module, reader) if message.HasField("module") else None
    if mcp and module:
        reader.wrong(f"{_FIELD}.module", "excludes mcp; an environment is one of them")
    own = mcp is not None or module is not None
    name, known_categories = _read_name(message.name, own, known, reader)
    for category in message.categories:
        reader.one_of(category, known_categories, f"{_FIELD}.categories", "category")
    if own and not message.scenarios_path:
        reader.wrong(f"{_FIELD}.scenarios_path", "is missing; only the built-in worlds have scenarios of their own")
    if message.HasField("limits") and not own:
        reader.wrong(f"{_FIELD}.limits", "is for environments that are not built in; leave it out")
    return Environment(
        name=name,
        categories=tuple(dict.fromkeys(message.categories)) or known_categories,
        teacher_scenarios=reader.count(message.teacher_scenarios, 256, f"{_FIELD}.teacher_scenarios"),
        rollout_scenarios=reader.count(message.rollout_scenarios, 512, f"{_FIELD}.rollout_scenarios"),
        evaluation_scenarios=reader.count(message.evaluation_scenarios, 100, f"{_FIELD}.evaluation_scenarios"),
        difficulty=_read_difficulty(message, reader),
        mcp=mcp,
        module=module,
        scenarios_path=message.scenarios_path,
        limits=_read_limits(message.limits, reader),
    )


def _read_name(
    name: str, own: bool, known: Mapping[str, tuple[str, ...]], reader: Reader
) -> tuple[str, tuple[str, ...]]:
    """The name, and the categories that its scenarios may have."""
    if not own:
        name = reader.one_of(name or next(iter(known)), sorted(known), f"{_FIELD}.name", "environment")
        return name, known.get(name, ())
    name = reader.identifier(name or CUSTOM, f"{_FIELD}.name")
    if name in known:
        reader.wrong(f"{_FIELD}.name", f"{name!r} is the name of a built-in world; choose another")
    return name, get_args(Category)


def _read_difficulty(message: run_pb2.Environment, reader: Reader) -> str:
    if message.difficulty and message.scenarios_path:
        reader.wrong(f"{_FIELD}.difficulty", "is of generated scenarios; leave it empty with scenarios_path")
    if not message.difficulty:
        return ""
    return reader.one_of(message.difficulty, [*LEVELS], f"{_FIELD}.difficulty", "difficulty")


def _read_server(message: run_pb2.McpServer, reader: Reader) -> McpServer:
    server = McpServer(
        command=tuple(message.command),
        env=dict(sorted(message.env.items())),
        env_from=tuple(message.env_from),
        url=message.url,
        headers_from=dict(sorted(message.headers_from.items())),
        state_tool=message.state_tool,
    )
    for name, problem in server.problems():
        reader.wrong(f"{_FIELD}.mcp.{name}", problem)
    return server


def _read_module(message: run_pb2.PythonModule, reader: Reader) -> PythonModule:
    module = replace(PythonModule(message.source), **({"factory": message.factory} if message.factory else {}))
    for name, problem in module.problems():
        reader.wrong(f"{_FIELD}.module.{name}", problem)
    return module


def _read_limits(message: run_pb2.EnvironmentLimits, reader: Reader) -> Limits:
    usual = Limits()
    counts = {
        one.name: reader.count(getattr(message, one.name), getattr(usual, one.name), f"{_FIELD}.limits.{one.name}")
        for one in fields(Limits)
        if one.name not in ("seconds", "network")
    }
    if not 0 <= message.seconds < float("inf"):
        reader.wrong(f"{_FIELD}.limits.seconds", f"{message.seconds} is no number of seconds")
    return Limits(seconds=message.seconds or usual.seconds, network=message.network, **counts)
