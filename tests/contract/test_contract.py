"""The rules that the contract follows: buf's STANDARD category and the conventions of this API."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

from spiritsafe.rpc.permissions import PUBLIC, methods, permission_of
from tests.contract import lint

ROOT = Path(__file__).parents[2]
METHODS = dict(methods())
PROTO = ROOT / "proto"
READING = ("Get", "BatchGet", "List", "Watch", "Check", "Verify", "Evaluate", "Plan", "Preview", "Download")
# Moves bytes and no record: the store is addressed by content, so a repetition changes nothing.
WITHOUT_RECORD = ("BeginUpload", "CompleteUpload", "MirrorFiles", "UploadFile")
NUMBERS = (
    FieldDescriptorProto.TYPE_INT32,
    FieldDescriptorProto.TYPE_INT64,
    FieldDescriptorProto.TYPE_FLOAT,
    FieldDescriptorProto.TYPE_DOUBLE,
)
# They lead to one state that nothing leads back from, or do nothing where it is reached: a stale caller harms nobody.
WITHOUT_ETAG = ("RevokeToken", "RevokeApproval", "CancelRun", "ResumeRun")
UNITS = ("_bytes", "_seconds", "_tokens")
# Their meaning and unit are the same everywhere (AIP-158).
PAGING = ("page_size",)


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> list[FileDescriptorProto]:
    """The contract's files with their comments, compiled without a warning."""
    output = tmp_path_factory.mktemp("descriptors") / "contract.binpb"
    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    include = files("grpc_tools") / "_proto"
    options = [f"--proto_path={PROTO}", f"--proto_path={include}", f"--descriptor_set_out={output}"]
    command = [sys.executable, "-m", "grpc_tools.protoc", *options, "--include_source_info", *sources]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROTO)
    assert (done.returncode, done.stderr) == (0, "")
    return list(FileDescriptorSet.FromString(output.read_bytes()).file)


def test_the_standard_lint_holds(contract: list[FileDescriptorProto]) -> None:
    assert lint.violations(contract) == []
    buf = shutil.which("buf") or shutil.which(str(ROOT / "node_modules" / ".bin" / "buf"))
    if buf is not None:
        done = subprocess.run([buf, "lint"], cwd=ROOT, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "")


BAD = """
syntax = "proto3";
package spiritsafe.Wrong;
enum Colour { RED = 0; }
message lower { string camelCase = 1; }
service Things { rpc Get(lower) returns (lower); }
"""


def test_the_lint_finds_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "Bad.proto").write_text(BAD)
    output = tmp_path / "bad.binpb"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={tmp_path}", f"--descriptor_set_out={output}"]
    subprocess.run([*command, "Bad.proto"], check=True)
    found = "\n".join(lint.violations(list(FileDescriptorSet.FromString(output.read_bytes()).file)))
    for rule in (
        "PACKAGE_VERSION_SUFFIX",
        "PACKAGE_DIRECTORY_MATCH",
        "FILE_LOWER_SNAKE_CASE",
        "ENUM_ZERO_VALUE_SUFFIX",
        "ENUM_VALUE_PREFIX",
        "MESSAGE_PASCAL_CASE",
        "FIELD_LOWER_SNAKE_CASE",
        "SERVICE_SUFFIX",
        "RPC_REQUEST_STANDARD_NAME",
        "RPC_RESPONSE_STANDARD_NAME",
        "RPC_REQUEST_RESPONSE_UNIQUE",
    ):
        assert rule in found


@pytest.mark.parametrize("path", METHODS)
def test_every_method_names_a_permission(path: str) -> None:
    permission = permission_of(METHODS[path])
    if permission == PUBLIC:
        return
    resource, _, verb = permission.partition(".")
    assert resource.isidentifier(), path
    assert verb.isidentifier(), path


@pytest.mark.parametrize("path", METHODS)
def test_mutations_can_be_repeated_and_tried(path: str) -> None:
    name = path.rpartition("/")[2]
    fields = set(METHODS[path].input_type.fields_by_name)
    if name.startswith(READING) or name in WITHOUT_RECORD:
        assert "request_id" not in fields
    else:
        assert {"request_id", "validate_only"} <= fields


@pytest.mark.parametrize("path", METHODS)
def test_changes_of_one_resource_can_be_tied_to_what_was_read(path: str) -> None:
    """AIP-154: the request, or the resource in it, has an etag."""
    name, request = path.rpartition("/")[2], METHODS[path].input_type
    if name.startswith(READING) or name in WITHOUT_ETAG:
        return
    if name.startswith("Update"):
        (resource,) = (one.message_type for one in request.fields if one.message_type and one.name in snake(name))
        assert "etag" in resource.fields_by_name
    elif "name" in request.fields_by_name:
        assert "etag" in request.fields_by_name


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def test_reasons_are_what_clients_can_compare() -> None:
    """AIP-193: UPPER_SNAKE_CASE, 63 characters at most."""
    sources = [path for package in ("registry", "distill", "client") for path in (ROOT / package).rglob("*.py")]
    reasons = {found for path in sources for found in re.findall(r'\breason="([^" ]*)"', path.read_text())}
    assert len(reasons) > 50
    assert [one for one in reasons if not re.fullmatch(r"[A-Z][A-Z0-9_]{1,61}[A-Z0-9]", one)] == []


@pytest.mark.parametrize("path", [path for path in METHODS if "/List" in path])
def test_lists_are_paged(path: str) -> None:
    if path.endswith("/ListMissingFiles"):
        return  # bounded by the manifest of one version
    assert {"page_size", "page_token"} <= set(METHODS[path].input_type.fields_by_name)
    assert "next_page_token" in METHODS[path].output_type.fields_by_name


def commented(file: FileDescriptorProto) -> set[tuple[int, ...]]:
    locations = file.source_code_info.location
    return {tuple(one.path) for one in locations if one.leading_comments.strip() or one.trailing_comments.strip()}


def test_every_service_says_what_it_is_for(contract: list[FileDescriptorProto]) -> None:
    silent = [
        service.name
        for file in contract
        for index, service in enumerate(file.service)
        if (6, index) not in commented(file)
    ]
    assert silent == []


def test_every_number_says_what_it_counts(contract: list[FileDescriptorProto]) -> None:
    silent = [
        f"{item.name}.{field.name}"
        for file in contract
        for item, index, field in lint.fields(file)
        if field.type in NUMBERS
        and not field.name.endswith(UNITS)
        and field.name not in PAGING
        and (*item.path, 2, index) not in commented(file)
    ]
    assert silent == []
