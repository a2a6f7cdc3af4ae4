"""A Qwen 3 student of xLAM-2, which was made from Llama 3.1, on a running server. The licence texts are made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from spiritsafe.client import Client
from spiritsafe.registry.v1 import version_pb2
from tests.registry.builders import Builder, Story

LLAMA_TEXT = "LLAMA 3.1 words, made up\n"
HOUSE_TEXT = "House words\n"
CARD = "# Desk\n"


@pytest.fixture
def story(client: Callable[..., Client], tmp_path: Path) -> Story:
    """Its student is `acme/Llama-desk`; everything but a report stands before its commercial release."""
    folder = tmp_path / "story"
    folder.mkdir()
    build = Builder(client("publisher", "reviewer", identity="ada"), folder)
    told = Story(client, build, lineage(build))
    told.record_evaluation(told.names["student"])
    return told


def lineage(build: Builder) -> dict[str, str]:
    """The versions by a short name, each imported one with its source."""
    llama = build.model(
        "llama",
        "base",
        licenses=["llama3.1"],
        imported=True,
        base_family="llama3.1",
        source=version_pb2.Source(hub_repo="meta-llama/Llama-3.1-8B-Instruct", revision="abc"),
        files={"LICENSE": LLAMA_TEXT, "NOTICE": "Made by many hands.\n"},
    )
    xlam = build.model(
        "xlam2",
        "full",
        licenses=["cc-by-nc-4.0"],
        imported=True,
        edges=[("finetune", llama)],
        source=version_pb2.Source(hub_repo="Salesforce/Llama-xLAM-2-8b-fc-r"),
    )
    traces = build.dataset("traces", licenses=[], edges=[("generated_by", xlam)])
    qwen3 = build.model(
        "qwen3",
        "base",
        licenses=["apache-2.0"],
        imported=True,
        base_family="qwen3",
        source=version_pb2.Source(hub_repo="Qwen/Qwen3-8B"),
    )
    student = build.model(
        "desk",
        display_name="acme/Llama-desk",
        licenses=[],
        edges=[("finetune", qwen3), ("trained_on", traces)],
        files={"LICENSES/house.txt": HOUSE_TEXT, "README.md": CARD},
    )
    held_out = build.dataset("held-out", "evaluation", licenses=[])
    return {
        "llama": llama,
        "xlam": xlam,
        "traces": traces,
        "qwen3": qwen3,
        "student": student,
        "held_out": held_out,
    }
