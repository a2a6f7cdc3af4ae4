"""The parts of a recipe that say how teacher and judge are asked, and what is trained on: read, checked, written. Pure.

An endpoint's key is never part of a recipe, which names the environment variable that holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import PurePath
from typing import Any, cast

from distill.curation.decontamination import ForeignTools
from distill.curation.replay import Shortfall, Unit
from distill.curation.settings import CurationSettings
from distill.recipe_reader import Reader
from distill.teacher.endpoint.settings import EndpointSettings
from distill.teacher.protocol import Sampling
from distill.trajectories.types import JsonValue
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.errors import InvalidArgument

# Two calls with their arguments stay far below the first; a published teacher may reason before it calls.
_STAND_IN_TOKENS, _TOKENS = 128, 512
_HOTTEST = 2.0
_CONVERSATIONS = 64
_SHARES = ("most_of_a_tool", "most_of_a_turn_count", "least_no_call", "most_no_call", "replay")


@dataclass(frozen=True, slots=True)
class Rollout:
    """How the teacher is rolled out; units as in the contract's Rollout."""

    samples: int
    temperature: float
    top_p: float
    max_tokens: int
    conversations: int
    top_logprobs: int

    @property
    def greedy(self) -> bool:
        """Whether the most likely texts are all that is wanted."""
        return self.samples == 1 and self.temperature == 0 and self.top_logprobs == 0

    @property
    def sampling(self) -> Sampling:
        """How each reply is drawn, without its seed."""
        return Sampling(self.temperature, self.top_p, self.max_tokens)

    @property
    def drawing(self) -> dict[str, JsonValue]:
        """What decides on the texts, and how many there are of them."""
        return {name: value for name, value in asdict(self).items() if name != "conversations"}


@dataclass(frozen=True, slots=True)
class Judge:
    """Who decides where no state does. ``catalog_entry`` is empty where no known entry applies."""

    endpoint: EndpointSettings
    catalog_entry: str

    @property
    def name(self) -> str:
        """What it is called in the registry."""
        return self.catalog_entry or self.endpoint.model or "judge"


@dataclass(frozen=True, slots=True)
class Curation:
    """What is left out and added, and the files for it; paths are empty where there is none."""

    settings: CurationSettings
    replay_path: str
    suite_paths: tuple[str, ...]

    @property
    def files(self) -> dict[str, tuple[str, str]]:
        """Path and field of each file, by the name that it has among a run's sources."""
        replay = {"replay": (self.replay_path, "recipe.curation.replay_path")} if self.replay_path else {}
        field = "recipe.curation.suite_paths"
        return {**replay, **{f"suite_{number}": (path, field) for number, path in enumerate(self.suite_paths)}}

    def to_json(self) -> dict[str, JsonValue]:
        """What decides on the dataset beside what is in the files: their names are in its card."""
        return {
            "settings": self.settings.to_json(),
            "names": {name: PurePath(path).name for name, (path, _) in self.files.items()},
        }


def served_as(endpoint: EndpointSettings) -> dict[str, JsonValue]:
    """What stands for the model behind an endpoint, whose weights nobody sees."""
    return {"urls": [*sorted(endpoint.urls)], "model": endpoint.model}


def read_endpoint(message: run_pb2.Endpoint, field: str, reader: Reader) -> EndpointSettings:
    """The endpoint with every default filled in."""
    given = {
        name: value
        for name in EndpointSettings.__slots__
        if name not in ("urls", "model", "api_key_env") and (value := getattr(message, name))
    }
    settings = EndpointSettings(tuple(message.urls), message.model, message.api_key_env, **given)
    try:
        return settings.check(field)
    except InvalidArgument as error:
        reader.violations.extend(error.violations)
        return settings


def endpoint_to_proto(endpoint: EndpointSettings) -> run_pb2.Endpoint:
    """As a message; ``read_endpoint`` reads it back unchanged."""
    return run_pb2.Endpoint(**asdict(endpoint))


def endpoint_from_json(values: Mapping[str, Any]) -> EndpointSettings:
    """Reads what ``dataclasses.asdict`` made of one, as JSON."""
    return EndpointSettings(**{**values, "urls": tuple(values["urls"])})


def read_rollout(message: run_pb2.Rollout, stand_in: bool, reader: Reader) -> Rollout:
    """The roll-out with every default filled in; ``stand_in`` says whether the teacher is one."""
    field = "recipe.rollout"
    rollout = Rollout(
        samples=reader.count(message.samples, 1, f"{field}.samples"),
        temperature=message.temperature,
        top_p=message.top_p or 1.0,
        max_tokens=reader.count(message.max_tokens, _STAND_IN_TOKENS if stand_in else _TOKENS, f"{field}.max_tokens"),
        conversations=reader.count(message.conversations, _CONVERSATIONS, f"{field}.conversations"),
        top_logprobs=reader.count(message.top_logprobs, 0, f"{field}.top_logprobs"),
    )
    if not 0 <= rollout.temperature <= _HOTTEST:
        reader.wrong(f"{field}.temperature", f"{rollout.temperature} is not between 0 and {_HOTTEST:g}")
    if not 0 < rollout.top_p <= 1:
        reader.wrong(f"{field}.top_p", f"{rollout.top_p} is no share above 0 and up to 1")
    if rollout.samples > 1 and rollout.temperature == 0:
        reader.wrong(f"{field}.temperature", "is 0, where all samples are the same; set one, or ask for one sample")
    return rollout


def read_judge(message: run_pb2.Judge, reader: Reader) -> Judge:
    """The judge with every default filled in."""
    return Judge(read_endpoint(message.endpoint, "recipe.judge.endpoint", reader), message.catalog_entry)


def judge_to_proto(judge: Judge) -> run_pb2.Judge:
    """As a message; ``read_judge`` reads it back unchanged."""
    return run_pb2.Judge(endpoint=endpoint_to_proto(judge.endpoint), catalog_entry=judge.catalog_entry)


def judge_from_json(values: Mapping[str, Any]) -> Judge:
    """Reads what ``dataclasses.asdict`` made of one, as JSON."""
    return Judge(endpoint_from_json(values["endpoint"]), values["catalog_entry"])


def read_curation(message: run_pb2.Curation, seed: int, reader: Reader) -> Curation:
    """The curation with every default filled in; ``seed`` is the run's."""
    field, usual = "recipe.curation", CurationSettings()
    shares: dict[str, Any] = {name: getattr(message, name) or None for name in _SHARES}
    settings = replace(
        usual,
        near_copies=(message.near_copies or None) if message.HasField("near_copies") else usual.near_copies,
        contamination_words=(message.contamination_words or None)
        if message.HasField("contamination_words")
        else usual.contamination_words,
        foreign_tools=cast("ForeignTools", message.foreign_tools or usual.foreign_tools),
        turn_buckets=tuple(message.turn_buckets) or usual.turn_buckets,
        replay_unit=cast("Unit", message.replay_unit or usual.replay_unit),
        replay_shortfall=cast("Shortfall", message.replay_shortfall or usual.replay_shortfall),
        seed=seed,
        **shares,
    )
    try:
        settings.check(field)
    except InvalidArgument as error:
        reader.violations.extend(error.violations)
    if settings.replay_unit == "tokens":
        reader.wrong(f"{field}.replay_unit", "tokens are each student's own; take rows or characters")
    if bool(settings.replay) != bool(message.replay_path):
        missing = "replay_path" if settings.replay else "replay"
        reader.wrong(f"{field}.{missing}", "is missing; replay needs a share and a file")
    return Curation(settings, message.replay_path, tuple(message.suite_paths))


def curation_to_proto(curation: Curation) -> run_pb2.Curation:
    """As a message; ``read_curation`` reads it back unchanged, given the seed."""
    settings = curation.settings
    return run_pb2.Curation(
        near_copies=settings.near_copies or 0.0,
        contamination_words=settings.contamination_words or 0,
        foreign_tools=settings.foreign_tools,
        turn_buckets=settings.turn_buckets,
        replay_unit=settings.replay_unit,
        replay_shortfall=settings.replay_shortfall,
        replay_path=curation.replay_path,
        suite_paths=curation.suite_paths,
        **{name: getattr(settings, name) or 0.0 for name in _SHARES},
    )


def curation_from_json(values: Mapping[str, Any]) -> Curation:
    """Reads what ``dataclasses.asdict`` made of one, as JSON."""
    return Curation(CurationSettings.from_json(values["settings"]), values["replay_path"], tuple(values["suite_paths"]))
