"""This registry: its own server process, called through the SDK."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from registry.home import DATABASE_FILE, TOKEN_FILE, open_home
from registry.licensing import inherit
from registry.storage.audit import GENESIS_HASH, event_hash
from registry.storage.search_terms import tag_term
from registry.storage.tables import AuditEvent
from spiritsafe.client import Client
from spiritsafe.registry.v1 import artifact_pb2, licensing_pb2, model_pb2, promotion_pb2, version_pb2
from tests.benchmarks.registry.cloning import Cloner, Row
from tests.benchmarks.registry.filling import Template
from tests.benchmarks.registry.places import SQLITE, Places
from tests.benchmarks.registry.processes import cores, server, wait_for_line
from tests.benchmarks.registry.sizes import Sizes
from tests.benchmarks.registry.systems import TEMPLATE_TAGS, Tags

NAMESPACE = "namespaces/default"
STAGE = "production"
CONTENT = b'{"architectures": ["LlamaForCausalLM"]}'


# Without files, edges and verdicts: what MLflow's answers have.
_VIEW = version_pb2.VERSION_VIEW_BASIC


class RegistryCaller:
    """Calls of one caller. gRPC carries all callers of a process over one connection."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create_model(self, slug: str) -> None:
        request = model_pb2.CreateModelRequest(parent=NAMESPACE, model_id=slug, model=model_pb2.Model())
        self._client.models.CreateModel(request)

    def create_version(self, slug: str, tags: Tags) -> None:
        self.declare(slug, tags)

    def declare(self, slug: str, tags: Tags, edges: Iterable[version_pb2.Edge] = ()) -> str:
        """Creates a version with its manifest; gives its name."""
        file = version_pb2.FileEntry(
            path="config.json", size_bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest()
        )
        version = version_pb2.Version(
            kind=version_pb2.VERSION_KIND_FULL,
            tags=tags,
            declared_licenses=licensing_pb2.LicenseSet(ids=["apache-2.0"]),
            imported=True,
            files=[file],
            edges=edges,
        )
        request = version_pb2.CreateVersionRequest(parent=f"{NAMESPACE}/models/{slug}", version=version)
        return self._client.versions.CreateVersion(request).version.name

    def create_ready(self, slug: str, tags: Tags) -> None:
        """The content is in the store after the first time, as where a model is registered again with other tags."""
        self._client.versions.FinalizeVersion(version_pb2.FinalizeVersionRequest(name=self.declare(slug, tags)))

    def upload_first(self, slug: str, tags: Tags) -> None:
        """Brings the content of all versions into the store."""
        header = artifact_pb2.UploadHeader(version=self.declare(slug, tags), path="config.json")
        messages = [artifact_pb2.UploadFileRequest(header=header), artifact_pb2.UploadFileRequest(chunk=CONTENT)]
        self._client.artifacts.UploadFile(iter(messages))

    def read_channel(self, slug: str) -> object:
        name = f"{NAMESPACE}/models/{slug}/channels/research-{STAGE}"
        return self._client.promotions.GetChannel(promotion_pb2.GetChannelRequest(name=name))

    def move_channel(self, slug: str, number: int) -> None:
        request = promotion_pb2.PromoteVersionRequest(
            version=f"{NAMESPACE}/models/{slug}/versions/{number}",
            context=licensing_pb2.CONTEXT_RESEARCH,
            stage=STAGE,
        )
        promotion = self._client.promotions.PromoteVersion(request).promotion
        assert promotion.state == promotion_pb2.PROMOTION_STATE_PROMOTED, promotion

    def get_version(self, slug: str, number: int) -> object:
        name = f"{NAMESPACE}/models/{slug}/versions/{number}"
        return self._client.versions.GetVersion(version_pb2.GetVersionRequest(name=name))

    def page(self, slug: str, size: int, token: str, *, by_number: bool = True) -> str:
        parent = f"{NAMESPACE}/models/{slug}"
        request = version_pb2.ListVersionsRequest(parent=parent, page_size=size, page_token=token, view=_VIEW)
        return self._client.versions.ListVersions(request).next_page_token

    def search(self, tags: Tags, size: int) -> int:
        condition = " AND ".join(f'tags.{key} = "{value}"' for key, value in tags.items())
        parent = f"{NAMESPACE}/models/-"
        request = version_pb2.ListVersionsRequest(parent=parent, page_size=size, filter=condition, view=_VIEW)
        return len(self._client.versions.ListVersions(request).versions)


class Registry:
    """A server process on a home."""

    def __init__(self, address: str, client: Client) -> None:
        self.address = address
        self.client = client

    def connect(self) -> RegistryCaller:
        return RegistryCaller(self.client)


@dataclass(frozen=True, slots=True)
class Home:
    """A home that is set up, and the address of its database."""

    folder: Path
    database: str


def make_home(folder: Path, places: Places) -> Home:
    """A new home in ``folder``, which is made."""
    folder.mkdir(mode=0o700)
    database = f"sqlite:///{folder / DATABASE_FILE}"
    if places.kind != SQLITE:
        database = places.address(folder.name)
        file = folder / "database.url"
        file.touch(mode=0o600)
        file.write_text(database)
    open_home(folder, embedded=False).database.close()
    return Home(folder, database)


@contextmanager
def serving(home: Home) -> Iterator[Registry]:
    """`spiritsafe serve` on the servers' core, and a client with the owner's token."""
    options = ["--home", str(home.folder), "--port", "0", "--format", "json"]
    log = home.folder.with_suffix(".log")
    with server([sys.executable, "-m", "cli.main", "serve", *options], log, cores()[0], {}):
        address = json.loads(wait_for_line(log, "{"))["address"]
        with Client(address, (home.folder / TOKEN_FILE).read_text().strip()) as client:
            yield Registry(address, client)


@contextmanager
def filled(folder: Path, places: Places, sizes: Sizes) -> Iterator[Registry]:
    """A running server over a filled database."""
    home = make_home(folder / "spiritsafe", places)
    with template(home) as made:
        made.fill(sizes)
    with serving(home) as registry:
        yield registry


@contextmanager
def template(home: Home) -> Iterator[Template]:
    """What the API writes for a model and its version, compared with a copy; the server has ended by then."""
    with _cloner(home) as tables:
        with serving(home) as registry:
            caller = registry.connect()
            caller.create_model("first")
            caller.upload_first("first", TEMPLATE_TAGS)
            made = Template(tables, caller)
            made.check(caller)
        yield made


@contextmanager
def _cloner(home: Home) -> Iterator[Cloner]:
    """Copies of rows, with exposures and hash chain as they must be."""
    made = Cloner(home.database)
    made.finish = Finish(made)
    try:
        yield made
    finally:
        made.close()


_KEYS = {tag_term(key, value): key for key, value in TEMPLATE_TAGS.items()}


class Finish:
    """Links each event to the one before; names a version by its row id in its exposures, and numbers its tags."""

    def __init__(self, tables: Cloner) -> None:
        self._tables = tables
        self._hashes: dict[int, str] = {}
        self._tags: Tags = {}

    def __call__(self, table: str, row: Row) -> None:
        if table == "audit_events":
            row["previous_hash"] = self._previous(row["sequence"])
            row["hash"] = event_hash(AuditEvent(**row))
            self._hashes = {row["sequence"]: row["hash"]}
        if table == "version_terms":
            key = _KEYS.get(row["term"])
            row["term"] = tag_term(key, self._tags[key]) if key else row["term"]
        if table == "versions":
            self._tags = row["tags"]
            row["exposures"] = inherit(str(row["id"]), row["base_family"] or None).to_json()

    def _previous(self, sequence: int) -> str:
        if sequence == 1:
            return GENESIS_HASH
        return self._hashes.get(sequence - 1) or self._tables.value("audit_events", sequence - 1, "hash")
