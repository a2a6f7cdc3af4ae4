"""``spiritsafe import hf``, ``spiritsafe import folder`` and ``spiritsafe import mlflow``."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer

from cli.importing.importer import Files, Importer, Wish
from cli.importing.registered import Registered
from cli.importing.report import show
from cli.importing.sources import FolderSource, HubSource, Source
from cli.lazy import app as new_app
from cli.options import DryRunOption, FormatOption, NamespaceOption, invalid
from cli.output import Format
from cli.session import connect
from spiritsafe.hub.names import RepoRef, parse_ref
from spiritsafe.hub.repository import Hub
from spiritsafe.rpc.names import DEFAULT_NAMESPACE, Collection

KindOption = Annotated[Literal["model", "dataset"], typer.Option("--kind", help="What the repository holds.")]
IdOption = Annotated[str, typer.Option("--as", help="Id of the model or dataset; made from the name unless told.")]
DataKindOption = Annotated[
    Literal["prompts", "trajectories", "evaluation"],
    typer.Option("--data-kind", help="What the rows of a dataset are."),
]
ParentsOption = Annotated[
    bool, typer.Option("--parents/--no-parents", help="Whether missing parents are imported, without their bytes.")
]

app = new_app(
    "Take over models and datasets from a model hub, a folder or an MLflow server, with what they say of licences."
)


@app.command("hf")
def import_hf(
    repo: Annotated[str, typer.Argument(help="ORGANISATION/NAME, or ORGANISATION/NAME@REVISION.")],
    kind: KindOption = "model",
    as_: IdOption = "",
    files: Annotated[
        Files, typer.Option("--files", help="metadata: no bytes; external: they stay on the hub; all: uploaded.")
    ] = Files.METADATA,
    data_kind: DataKindOption = "trajectories",
    parents: ParentsOption = True,
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Import a repository of the Hugging Face hub, or of the mirror in $HF_ENDPOINT, at one commit.

    A branch or tag is resolved first. The same commit again changes nothing and says so. A gated repository is never
    accepted for you: visit its page, then set HF_TOKEN.

    Example: spiritsafe import hf Salesforce/xLAM-2-3b-fc-r@main --files external
    """
    ref, revision = parse_ref(repo, _collection(kind))
    with TemporaryDirectory(prefix="spiritsafe-import-") as folder:
        source = HubSource(Hub.from_environment(), Path(folder))
        _run(source, ref, revision, Wish(files, as_, _kind(kind, data_kind), parents, dry_run), namespace, form)


@app.command("folder")
def import_folder(
    path: Annotated[Path, typer.Argument(help="Folder with the files of one commit.")],
    repo: Annotated[str, typer.Option("--repo", help="ORGANISATION/NAME that the files were published as.")],
    revision: Annotated[str, typer.Option("--revision", help="Commit that they belong to: 40 hexadecimal digits.")],
    kind: KindOption = "model",
    as_: IdOption = "",
    files: Annotated[Files, typer.Option("--files", help="metadata: no bytes; all: uploaded.")] = Files.ALL,
    data_kind: DataKindOption = "trajectories",
    parents: ParentsOption = True,
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Import a folder that holds a snapshot of a repository, without a network.

    Parents that the registry does not hold are recorded by name, with what the catalogue knows of them. REVISION is all
    40 digits of the commit.

    Example: spiritsafe import folder ./xlam --repo Salesforce/xLAM-2-3b-fc-r --revision $(cat commit.txt)
    """
    if files is Files.EXTERNAL:
        raise invalid("files", "a folder is no place that the registry could fetch from", "choose metadata or all")
    ref = RepoRef(repo, _collection(kind))
    source = FolderSource(path, ref, revision)
    _run(source, ref, revision, Wish(files, as_, _kind(kind, data_kind), parents, dry_run), namespace, form)


@app.command("mlflow")
def import_mlflow(
    uri: Annotated[str, typer.Argument(help="Address of the server: http(s)://HOST:PORT.")],
    model: Annotated[list[str] | None, typer.Option("--model", help="Of this name only; repeatable.")] = None,
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Import the registered models of an MLflow server: versions, descriptions, tags, aliases, parameters, files.

    What was imported before is found, not imported again. Pickles and files of unknown formats are left out and
    counted. MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, say who calls.

    Example: spiritsafe import mlflow https://mlflow.example.com --model support-tool --dry-run
    """
    from cli import output
    from cli.importing.mlflow.importer import MlflowImporter
    from cli.importing.mlflow.report import show as show_mlflow
    from cli.importing.mlflow.server import MlflowServer
    from cli.transfer import bars

    server = MlflowServer.from_environment(uri)

    def begin(what: str) -> None:
        output.notices().print(f"reading {what}", style="dim", markup=False)

    with connect() as client:
        importer = MlflowImporter(client, server, namespace, bars, begin, dry_run)
        found = list(importer.run(model or ()))
    show_mlflow(server.uri, found, form)


def _run(source: Source, ref: RepoRef, revision: str, wish: Wish, namespace: str, form: Format) -> None:
    from cli.transfer import bars

    with connect() as client:
        importer = Importer(client, source, Registered(client, namespace), bars)
        outcome = importer.run(ref, revision, wish)
    show(outcome, form)


def _collection(kind: str) -> Collection:
    return "datasets" if kind == "dataset" else "models"


def _kind(kind: str, data_kind: str) -> str:
    """The version's kind where the command line decides it."""
    return data_kind if kind == "dataset" else ""
