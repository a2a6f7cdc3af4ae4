"""One server with four subjects: a teacher with two licences, a reviewed student, a dataset, a version not known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from registry.home import open_home
from registry.wire import enum_number
from spiritsafe.client import Client
from spiritsafe.registry.v1 import evidence_pb2, licensing_pb2, version_pb2
from tests.registry.builders import Story, context_number
from tests.registry.databases import PostgreSQL, homes
from tests.registry.serving import serve

SCRIPT = "acme/<script>alert(1)</script>"
RATIONALE = "counsel's memo & <b>opinion</b>"
SUBJECTS = ("teacher", "student", "traces", "nothing")


@dataclass(frozen=True)
class Archive:
    """The subjects' names, and the documents about them."""

    client: Client
    names: Mapping[str, str]
    fetch: Callable[..., evidence_pb2.GetReportResponse]

    def text(self, key: str, form: str, **fields: Any) -> str:
        return self.fetch(self.names[key], form, **fields).content.decode()

    def data(self, key: str, form: str, **fields: Any) -> Any:
        return json.loads(self.text(key, form, **fields))


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory, server_of_homes: PostgreSQL | None) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("evidence")
    with ExitStack() as stack:
        registry = open_home(stack.enter_context(homes(server_of_homes))(folder / "home"))
        stack.callback(registry.database.close)
        served = serve(folder / "home", registry, f"unix:{folder}/socket", stack)
        names = _register(Story.tell(served.client, folder / "story"))
        reader = served.client("reader")

        @cache
        def fetch(name: str, form: str, **fields: Any) -> evidence_pb2.GetReportResponse:
            number = enum_number(evidence_pb2.ReportFormat, form)
            return reader.evidence.GetReport(evidence_pb2.GetReportRequest(name=name, format=number, **fields))

        yield Archive(reader, names, fetch)


def _register(story: Story) -> dict[str, str]:
    names = {**story.names, "demo_teacher": story.names["teacher"]}
    build = story.build
    names["base"] = build.model(
        "mixtral", "base", licenses=["apache-2.0"], imported=True, source=_source("mistralai/Mixtral-8x7B-v0.1")
    )
    names["teacher"] = build.model(
        "xlam-8x7b-r",
        "base",
        licenses=["cc-by-nc-4.0", "salesforce-xlam-research"],
        imported=True,
        lineage_completeness=version_pb2.LINEAGE_COMPLETENESS_PARTIAL,
        source=_source("Salesforce/xLAM-8x7b-r"),
        edges=[("finetune", names["base"])],
    )
    names["nothing"] = build.model("mystery", "base", display_name=SCRIPT, imported=True)
    student = names["student"]
    story.record_evaluation(student)
    (review,) = story.request(student)
    story.approve(review, rationale=RATIONALE)
    story.meet_duties(student)
    story.promote(student)
    conclusion = licensing_pb2.ConcludeLicensesRequest(
        name=names["xlam"], licenses=licensing_pb2.LicenseSet(ids=["cc-by-nc-4.0"]), rationale="its LICENSE file"
    )
    story.rob.licenses.ConcludeLicenses(conclusion)
    return names


def _source(repo: str) -> version_pb2.Source:
    return version_pb2.Source(hub_repo=repo, revision="a" * 40)


COMMERCIAL = {"outbound_license": "openrail-m"}
COMMERCIAL_ONLY = (context_number("commercial"),)


@pytest.fixture
def story(client: Callable[..., Client], tmp_path: Path) -> Story:
    """A server of a test's own with the demo's lineage."""
    return Story.tell(client, tmp_path / "story")
