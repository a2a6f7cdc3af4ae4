"""``spiritsafe store`` and what ``spiritsafe doctor`` says of it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from cli import exits
from registry.storage.local_store import LocalStore
from tests.cli.conftest import Command


def test_content_that_nobody_names_is_collected(spiritsafe: Command, home: Path, weights: Path) -> None:
    register = ("model", "register", "tool", weights, "--kind", "full", "--license", "mit")
    assert spiritsafe("model", "create", "tool").code == exits.DONE
    assert spiritsafe(*register).code == exits.DONE
    LocalStore(home / "blobs").put(hashlib.sha256(b"nobody's").hexdigest(), 8, [b"nobody's"])
    young = spiritsafe("store", "gc", "--format", "json").data
    assert (young["examined_blobs"], young["collected_blobs"], young["young_blobs"]) == (3, 0, 1)
    old = hashlib.sha256(b"another registry's").hexdigest()
    LocalStore(home / "blobs").put(old, 18, [b"another registry's"])
    os.utime(home / "blobs" / old[:2] / old, (1, 1))
    tried = spiritsafe("store", "gc", "--grace", "0s", "--dry-run", "--format", "json").data
    assert (tried["collected_blobs"], tried["collected_bytes"], tried["older_blobs"]) == (1, 8, 1)
    done = spiritsafe("store", "gc", "--grace", "0s")
    assert done.code == exits.DONE
    assert "collected bytes" in done.out
    assert len(list((home / "blobs").glob("??/*"))) == 3
    log = spiritsafe("audit", "log", "--filter", 'type = "store.collected"', "--format", "json").data["events"]
    assert [event["details"]["collected_bytes"] for event in log] == [0, 8]
    refused = spiritsafe("store", "gc", "--grace", "soon", "--format", "json")
    assert (refused.code, refused.error["violations"][0]["field"]) == (exits.USAGE, "grace")


def test_the_store_is_shown_and_checked(spiritsafe: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = spiritsafe("store", "check", "--format", "json").data
    assert shown == {"location": str(home / "blobs"), "direct": False}
    checks = {check["check"]: check for check in spiritsafe("doctor", "--format", "json").data["checks"]}
    assert checks["artifact store"]["ok"] is True
    monkeypatch.setenv("SPIRITSAFE_STORE", "s3://spirits")
    monkeypatch.setenv("SPIRITSAFE_S3_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    doctor = spiritsafe("doctor", "--format", "json")
    checks = {check["check"]: check for check in doctor.data["checks"]}
    assert doctor.code == exits.FAILED
    assert checks["artifact store"]["ok"] is False
    assert "SPIRITSAFE_S3_ENDPOINT" in checks["artifact store"]["remedy"]
    assert checks["audit chain"]["ok"] is True
    monkeypatch.setenv("SPIRITSAFE_STORE", "spirits")
    refused = spiritsafe("store", "check", "--format", "json")
    assert (refused.code, refused.error["violations"][0]["field"]) == (exits.USAGE, "SPIRITSAFE_STORE")
