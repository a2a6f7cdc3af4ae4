"""A roll-out that is killed anywhere goes on where it was, and its dataset is that of an undisturbed one."""

from __future__ import annotations

import random
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from distill.recipe import from_proto
from distill.runs.known import known_names
from distill.stages.inputs import rollout_scenarios
from distill.stages.spec import read_result
from spiritsafe.distill.v1 import run_pb2
from spiritsafe.registry.v1 import version_pb2
from tests.distill.recipes import tiny_message
from tests.distill.site import Site, open_site
from tests.distill.teacher.knowing import Knowing
from tests.distill.teacher.serving import Chat, serving
from tests.faults.attack import SECONDS, census, survive_in

pytestmark = pytest.mark.full
KILLS = 20
# So that a roll-out takes longer than all that the kills leave of it.
REPLY_SECONDS = 0.2


def recipe(url: str) -> run_pb2.Recipe:
    """Two samples of each scenario, several conversations at a time, of a teacher behind an endpoint."""
    message = tiny_message()
    message.teacher.ClearField("training")
    message.teacher.endpoint.urls.append(url)
    message.environment.categories[:] = ["single", "no_call"]
    message.rollout.samples, message.rollout.temperature, message.rollout.conversations = 2, 0.7, 4
    return message


def slowly(answer: Knowing, body: dict[str, Any]) -> str:
    time.sleep(REPLY_SECONDS)
    return answer(body)


def dataset(site: Site) -> str:
    """The digest of the rows that the run's student is trained on; empty until they are there."""
    results = [read_result(folder) for folder in (site.home / "work").glob("curate-*")]
    return next((one.figures["content_sha256"] for one in results if one), "")


def tell(text: str) -> None:
    print(text)  # noqa: T201 - pytest shows it where a test fails, and with -s


def edges(site: Site, name: str) -> set[tuple[int, str]]:
    version = site.client.versions.GetVersion(version_pb2.GetVersionRequest(name=name)).version
    return {(edge.type, edge.parent) for edge in version.edges}


def test_twenty_kills_change_no_row(tmp_path: Path) -> None:
    scenarios = rollout_scenarios(from_proto(recipe("http://localhost/v1"), known_names()))
    answer = Knowing(scenarios)
    with serving(Chat(answer=partial(slowly, answer))) as chat:
        with open_site(tmp_path / "killed") as site:
            site.create(recipe(chat.url))
            start = partial(site.start_worker, "--until-idle")
            with census(site.home) as crowds:
                told = survive_in(site, start, "rollout", KILLS, random.Random(6), lambda: dataset(site) != "")
            killed = dataset(site)
        assert len(told) == KILLS
        assert sum("rollout" in one for one in told) >= KILLS // 2
        assert not crowds
        chat.answer = answer
        with open_site(tmp_path / "undisturbed") as site:
            site.create(recipe(chat.url))
            with site.worker("--until-idle") as worker:
                assert worker.wait(SECONDS) == 0
            run = site.run()
            assert run.state == run_pb2.RUN_STATE_SUCCEEDED, run.error
            assert dataset(site) == killed
            # Nobody was tuned: the traces are of the base as it is served.
            assert not run.outputs.teacher_adapter
            generated = (version_pb2.EDGE_TYPE_GENERATED_BY, run.outputs.teacher_base)
            assert edges(site, run.outputs.traces) == {generated}
            # The teacher knows one right answer, so that the second sample is a copy.
            assert run.usage.episodes == 2 * len(scenarios)
            assert [(one.reason, one.rows) for one in run.dropped] == [("copy", len(scenarios))]
            assert run.dataset_rows == len(scenarios)
            tell(f"killed {'; '.join(told)}; the rows of both: {killed}")
