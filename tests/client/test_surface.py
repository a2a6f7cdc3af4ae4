"""What programs use of the SDK: its names, its types, and the calls beyond the stubs, blocking and asynchronous."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

import spiritsafe
from spiritsafe import AsyncClient, Client, async_items, errors, items, pages
from spiritsafe.registry.v1 import evidence_pb2, model_pb2, promotion_pb2, version_pb2
from tests.registry.serving import Served

ROOT = Path(__file__).parents[2]
NAMESPACE = "namespaces/default"
USER = """
import asyncio
from spiritsafe import AsyncClient, Client, async_items, items, pages
from spiritsafe.registry.v1.version_pb2 import ListVersionsRequest, Version

def blocking(client: Client) -> list[str]:
    version: Version = client.publish("folder", "tool", kind="adapter", edges=[("adapter", "base@1")])
    allowed: bool = client.check("tool@1", context="commercial").allowed
    request = ListVersionsRequest(parent="namespaces/default/models/tool")
    for page in pages(client.versions.ListVersions, request):
        reveal_type(page)
    return [one.name for one in items(client.versions.ListVersions, request, lambda page: page.versions)]

async def asynchronous() -> list[str]:
    async with AsyncClient("host:1") as client:
        request = ListVersionsRequest(parent="namespaces/default/models/tool")
        found = async_items(client.versions.ListVersions, request, lambda page: page.versions)
        return [one.name async for one in found]

def wrong(client: Client) -> None:
    client.check("tool@1", context="everywhere")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    (made / "config.json").write_text("{}")
    return made


def test_the_exported_names() -> None:
    assert spiritsafe.__all__ == sorted(spiritsafe.__all__, key=lambda name: (not name.isupper(), name))
    assert {name for name in spiritsafe.__all__ if not hasattr(spiritsafe, name)} == set()
    exported = {getattr(errors, name) for name in errors.__all__}
    defined = {one for one in vars(errors).values() if isinstance(one, type) and one.__module__ == errors.__name__}
    assert exported == defined


def test_programs_are_checked_strictly_against_its_types(tmp_path: Path) -> None:
    assert (ROOT / "client" / "spiritsafe" / "py.typed").exists()
    program = tmp_path / "program.py"
    program.write_text(USER)
    cache = ROOT / ".mypy_cache" / "programs"
    options = ["--strict", "--config-file=", f"--cache-dir={cache}", "--follow-imports=silent"]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(program)],
        env={"PATH": "", "MYPYPATH": str(ROOT / "client")},
        capture_output=True,
        text=True,
    )
    told = [line for line in checked.stdout.splitlines() if "error" in line or "note" in line]
    assert "ListVersionsResponse" in told[0]
    assert len([line for line in told if "error:" in line]) == 1
    assert "everywhere" in next(line for line in told if "error:" in line)


def test_publish_check_and_promote(served: Served, folder: Path) -> None:
    client = served.admin
    made = client.publish(folder, "tool", licenses=["mit"], tags={"team": "a"}, display_name="acme/Tool")
    assert client.publish(folder, "tool", licenses=["mit"], tags={"team": "a"}) == made
    assert client.models.GetModel(model_pb2.GetModelRequest(name=f"{NAMESPACE}/models/tool")).model.display_name == (
        "acme/Tool"
    )
    found = client.evidence.GetSigningKeys(evidence_pb2.GetSigningKeysRequest()).keys
    keys = "".join(key.public_key_pem for key in found)
    decision = client.check("tool@1", context="research", keys_pem=keys)
    assert decision.allowed
    assert decision.key_id
    assert decision.fields["subject"] == {"kind": "version", "value": made.name}
    assert client.check("tool@1", context="research").key_id == ""
    promotion = client.promote("tool@1", "research/production", validate_only=True)
    assert promotion.state == promotion_pb2.PROMOTION_STATE_PROMOTED
    assert client.promote("tool@1", "research/production").version == made.name


def test_an_answer_that_another_key_signed_is_refused(served: Served, folder: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    served.admin.publish(folder, "tool", licenses=["mit"])
    other = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(errors.FailedPrecondition) as caught:
        served.admin.check("tool@1", context="research", keys_pem=other.decode())
    assert caught.value.reason == "KEY_UNKNOWN"


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda client: client.check("tool", context="research"), "version"),
        (lambda client: client.check("tool@1", context="moon"), "context"),
        (lambda client: client.promote("tool@1", "production"), "channel"),
        (lambda client: client.publish(".", "tool@1"), "name"),
        (lambda client: client.publish(".", "tool", kind="other"), "kind"),
        (lambda client: client.publish(".", "tool", edges=[("other", "base@1")]), "edges"),
        (lambda client: client.publish(".", "tool", edges=[("adapter", "base")]), "version"),
    ],
)
def test_wrong_values_are_named_before_anything_is_sent(call, field: str) -> None:  # type: ignore[no-untyped-def]
    with Client("unix:/nowhere") as client, pytest.raises(errors.InvalidArgument) as caught:
        call(client)
    assert caught.value.violations[0].field == field


@pytest.fixture
def many(served: Served) -> list[str]:
    names = [f"m{number}" for number in range(7)]
    for name in names:
        served.admin.models.CreateModel(model_pb2.CreateModelRequest(parent=NAMESPACE, model_id=name))
    return [f"{NAMESPACE}/models/{name}" for name in names]


@pytest.mark.parametrize(("limit", "calls"), [(None, 3), (0, 0), (2, 1), (3, 1), (4, 2), (7, 3), (9, 3)])
def test_lists_are_read_page_by_page(served: Served, many: list[str], limit: int | None, calls: int) -> None:
    request = model_pb2.ListModelsRequest(parent=NAMESPACE, page_size=3)
    asked = []

    def call(one: model_pb2.ListModelsRequest) -> model_pb2.ListModelsResponse:
        asked.append(one.page_token)
        return served.admin.models.ListModels(one)

    found = [one.name for one in items(call, request, lambda page: page.models, limit)]
    assert found == many[:limit]
    assert len(asked) == calls
    assert request.page_token == ""


def test_pages(served: Served, many: list[str]) -> None:
    request = model_pb2.ListModelsRequest(parent=NAMESPACE, page_size=4)
    assert [len(page.models) for page in pages(served.admin.models.ListModels, request)] == [4, 3]


def test_the_asynchronous_client_does_the_same(
    served: Served, secret: str, folder: Path, many: list[str], tmp_path: Path
) -> None:
    async def use() -> None:
        async with AsyncClient(served.address, secret) as client:
            request = model_pb2.ListModelsRequest(parent=NAMESPACE, page_size=3)
            found = async_items(client.models.ListModels, request, lambda page: page.models)
            assert [one.name async for one in found] == many
            some = async_items(client.models.ListModels, request, lambda page: page.models, 2)
            assert [one.name async for one in some] == many[:2]
            made = await client.publish(folder, "tool", licenses=["mit"])
            assert made.state == version_pb2.VERSION_STATE_READY
            copy = await client.download("tool@1", tmp_path / "copy")
            assert (copy / "config.json").read_text() == "{}"
            assert (await client.check("tool@1", context="research")).allowed
            promotion = await client.promote("tool@1", "research/production")
            assert promotion.state == promotion_pb2.PROMOTION_STATE_PROMOTED
            with pytest.raises(errors.NotFound) as caught:
                await client.models.GetModel(model_pb2.GetModelRequest(name=f"{NAMESPACE}/models/none"))
            assert caught.value.method.endswith("ModelService/GetModel")
            with pytest.raises(errors.Unauthenticated):
                async with AsyncClient(served.address, "wrong") as stranger:
                    await stranger.models.ListModels(request)

    asyncio.run(use())


def test_streams_of_the_asynchronous_client(served: Served, secret: str, folder: Path) -> None:
    from spiritsafe.registry.v1 import artifact_pb2

    made = served.admin.publish(folder, "tool", licenses=["mit"])

    async def read(path: str) -> bytes:
        request = artifact_pb2.DownloadFileRequest(version=made.name, path=path)
        async with AsyncClient(served.address, secret) as client:
            return b"".join([each.chunk async for each in client.artifacts.DownloadFile(request)])

    assert asyncio.run(read("config.json")) == b"{}"
    with pytest.raises(errors.NotFound) as caught:
        asyncio.run(read("none.json"))
    assert caught.value.method.endswith("DownloadFile")
