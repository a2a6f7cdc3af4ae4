"""``spiritsafe import mlflow`` against recorded answers of a real MLflow server, and, in the full tests, a real one."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli import exits
from tests.cli.conftest import Command
from tests.cli.importing.mlflow.recording import RECORDED, Replay, real_server, served
from tests.cli.importing.mlflow.seeding import FILES

JSON = ("--format", "json")


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch) -> Iterator[Replay]:
    for variable in ("TOKEN", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{variable}", raising=False)
    with served(Replay(json.loads(RECORDED.read_text()))) as running:
        yield running


def show(spiritsafe: Command, version: str) -> Any:
    return spiritsafe("version", "show", version, *JSON).data


def check(spiritsafe: Command, uri: str, folder: Path) -> None:
    """What the seeded server becomes, and that it does so once."""
    planned = spiritsafe("import", "mlflow", uri, "--dry-run", *JSON).data
    assert planned["counts"]["versions"] == {"planned": 4}
    assert spiritsafe("model", "list", *JSON).data == {"models": []}
    done = spiritsafe("import", "mlflow", uri, *JSON)
    assert done.code == exits.DONE
    assert done.data["counts"] == {
        "models": 2,
        "versions": {"imported": 4},
        "files": 7,
        "bytes": 2 * sum(len(FILES[path]) for path in ("README.md", "conda.yaml", "deep/model.safetensors")) + 6,
        "left_out": {"UNSAFE_FORMAT": 3, "UNSUPPORTED_FORMAT": 2},
    }
    assert done.data["suggestions"] == [
        "alias Challenger of Ticket Router: spiritsafe promote ticket-router@1 CONTEXT/challenger",
        "alias champion of Ticket Router: spiritsafe promote ticket-router@2 CONTEXT/champion",
    ]
    first, second = show(spiritsafe, "ticket-router@1"), show(spiritsafe, "ticket-router@2")
    assert first["public_name"] == "Ticket Router"
    assert (first["description"], first["imported"], first["lineage_completeness"]) == ("The first.", True, "partial")
    assert first["declared_licenses"]["ids"] == ["apache-2.0"]
    assert second["declared_licenses"]["ids"] == ["cc-by-nc-4.0"]
    kept = {"quality": "good", "mlflow.version": "1", "mlflow.server": uri, "mlflow.alias.Challenger": "true"}
    learnt = {"mlflow.param.learning_rate": "0.001", "mlflow.metric.accuracy": "0.9"}
    assert first["tags"].items() >= (kept | learnt).items()
    elsewhere = show(spiritsafe, "ticket-router@3")
    assert (elsewhere.get("files", []), elsewhere.get("declared_licenses")) == ([], None)
    assert any("s3://elsewhere/model" in note for note in done.data["models"][0]["versions"][2]["notes"])
    assert show(spiritsafe, "pickled@1")["declared_licenses"]["ids"] == ["mit"]
    spiritsafe("model", "download", "ticket-router@1", "--to", folder)
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == {path: FILES[path] for path in ("README.md", "conda.yaml", "deep/model.safetensors")}
    again = spiritsafe("import", "mlflow", uri, *JSON).data
    assert again["counts"]["versions"] == {"unchanged": 4}
    assert len(spiritsafe("version", "list", "ticket-router", *JSON).data["versions"]) == 3


def test_everything_is_imported_once(spiritsafe: Command, replay: Replay, tmp_path: Path) -> None:
    check(spiritsafe, replay.uri, tmp_path / "copy")
    assert not any("s3" in path for path in replay.asked)


@pytest.mark.full
def test_a_real_server(spiritsafe: Command, tmp_path: Path) -> None:
    (tmp_path / "mlflow").mkdir()
    with real_server(tmp_path / "mlflow") as origin:
        check(spiritsafe, origin, tmp_path / "copy")


def test_one_model_by_name(spiritsafe: Command, replay: Replay) -> None:
    done = spiritsafe("import", "mlflow", replay.uri, "--model", "Ticket Router")
    assert done.code == exits.DONE
    assert "ticket-router@2" in done.out
    assert "UNSAFE_FORMAT" in done.out
    assert [one["name"] for one in spiritsafe("model", "list", *JSON).data["models"]] == [
        "namespaces/default/models/ticket-router"
    ]


def test_an_id_that_is_taken(spiritsafe: Command, replay: Replay, weights: Path) -> None:
    assert spiritsafe("model", "create", "ticket-router").code == exits.DONE
    assert (
        spiritsafe("model", "register", "ticket-router", weights, "--kind", "full", "--license", "mit").code
        == exits.DONE
    )
    data = spiritsafe("import", "mlflow", replay.uri, "--model", "Ticket Router", "--dry-run", *JSON).data
    assert "/ticket-router-" in data["models"][0]["model"]


def test_a_server_that_fails_at_times(spiritsafe: Command, replay: Replay) -> None:
    replay.failures = [503, 429]
    assert spiritsafe("import", "mlflow", replay.uri, "--model", "Ticket Router", "--dry-run").code == exits.DONE


def test_the_token_is_sent(spiritsafe: Command, replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    spiritsafe("import", "mlflow", replay.uri, "--dry-run")
    assert replay.headers["Authorization"] == "Basic YWRhOnNlY3JldA=="
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "token")
    spiritsafe("import", "mlflow", replay.uri, "--dry-run")
    assert replay.headers["Authorization"] == "Bearer token"


def test_what_the_server_refuses(spiritsafe: Command, replay: Replay) -> None:
    missing = spiritsafe("import", "mlflow", replay.uri, "--model", "none", *JSON)
    assert (missing.code, missing.error["reason"]) == (exits.NOT_FOUND, "MLFLOW_NOT_FOUND")
    replay.failures = [401]
    refused = spiritsafe("import", "mlflow", replay.uri, *JSON)
    assert (refused.code, refused.error["reason"]) == (exits.DENIED, "MLFLOW_REFUSED")
    assert "MLFLOW_TRACKING_TOKEN" in refused.error["remedy"]


@pytest.mark.parametrize("uri", ["ftp://host", "host:5000", "http://ada:secret@host"])
def test_an_address_that_cannot_be(spiritsafe: Command, uri: str) -> None:
    done = spiritsafe("import", "mlflow", uri, *JSON)
    assert (done.code, done.error["violations"][0]["field"]) == (exits.USAGE, "uri")


def test_paths_that_leave_the_folder_are_left_out(spiritsafe: Command, replay: Replay, tmp_path: Path) -> None:
    for path, answer in replay.answers.items():
        if path.startswith("/api/2.0/mlflow-artifacts/artifacts?"):
            answer["content"] = _renamed(answer["content"])
    data = spiritsafe("import", "mlflow", replay.uri, "--model", "Ticket Router", "--dry-run", *JSON).data
    assert data["counts"]["left_out"]["UNSAFE_PATH"] == 2


def _renamed(content: str) -> str:
    return base64.b64encode(base64.b64decode(content).replace(b"conda.yaml", b"../c.yaml")).decode()
