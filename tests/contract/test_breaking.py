"""The contract against that of the last release: nothing is removed, renumbered or retyped."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

from tests.contract.breaking import breaks

ROOT = Path(__file__).parents[2]
RELEASED = ROOT / "proto" / "released" / "contract.binpb"
AUDIT = "spiritsafe/registry/v1/audit.proto"
VERSION = "spiritsafe/registry/v1/version.proto"


@pytest.fixture
def released() -> dict[str, FileDescriptorProto]:
    """By file name; each test may change its own."""
    return {file.name: file for file in FileDescriptorSet.FromString(RELEASED.read_bytes()).file}


def test_the_contract_breaks_no_client_of_the_last_release(
    released: dict[str, FileDescriptorProto], tmp_path: Path
) -> None:
    spec = importlib.util.spec_from_file_location("release", ROOT / "proto" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    release = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(release)
    release.describe(tmp_path / "now.binpb")
    now = FileDescriptorSet.FromString((tmp_path / "now.binpb").read_bytes()).file
    assert breaks(released.values(), now) == []
    buf = shutil.which("buf")
    if buf is not None:
        done = subprocess.run([buf, "breaking", "--against", str(RELEASED)], cwd=ROOT, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "")


def changed(released: dict[str, FileDescriptorProto], name: str) -> FileDescriptorProto:
    copy = FileDescriptorProto()
    copy.CopyFrom(released[name])
    return copy


def test_every_kind_of_break_is_named(released: dict[str, FileDescriptorProto]) -> None:
    audit = changed(released, AUDIT)
    event = next(message for message in audit.message_type if message.name == "AuditEvent")
    event.field[0].number = 40
    event.field[1].name = "kind"
    event.field[2].type = FieldDescriptorProto.TYPE_INT64
    event.field[3].label = FieldDescriptorProto.LABEL_REPEATED
    del event.field[4]
    audit.service[0].method[0].server_streaming = True
    audit.service[0].method[1].name = "Verify"
    assert breaks([released[AUDIT]], [audit]) == [
        f"{AUDIT}: {problem}"
        for problem in (
            "AuditEvent.sequence = 1 is now number 40",
            "AuditEvent.type = 2 is now called kind",
            "AuditEvent.actor was string and is now int64",
            "AuditEvent.resource was string and is now repeated string",
            "AuditEvent.details = 5 was removed",
            "AuditService.ListAuditEvents: server_streaming was False and is now True",
            f"AuditService.{released[AUDIT].service[0].method[1].name} was removed",
        )
    ]


def test_enums_messages_and_files_may_not_go(released: dict[str, FileDescriptorProto]) -> None:
    version = changed(released, VERSION)
    version.enum_type[0].value[1].number = 90
    version.enum_type[0].value[2].name = "VERSION_KIND_OTHER"
    gone = version.message_type[0].name
    del version.message_type[0]
    found = breaks([released[VERSION], released[AUDIT]], [version])
    assert found[0] == f"{VERSION}: message {gone} was removed"
    assert "= 1 was removed or has another number" in found[1]
    assert "is now called VERSION_KIND_OTHER" in found[2]
    assert found[3:] == [f"{AUDIT}: the file was removed"]


def test_additions_break_nothing(released: dict[str, FileDescriptorProto]) -> None:
    audit = changed(released, AUDIT)
    audit.message_type.add(name="New")
    audit.message_type[0].field.add(name="new", number=99, type=FieldDescriptorProto.TYPE_STRING)
    audit.service[0].method.add(name="WatchOther", input_type=".a", output_type=".b")
    assert breaks([released[AUDIT]], [audit, released[VERSION]]) == []
