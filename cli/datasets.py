"""``spiritsafe dataset``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from cli import output, versions
from cli.lazy import app as new_app
from cli.options import (
    DescriptionOption,
    DisplayNameOption,
    DryRunOption,
    FilterOption,
    FormatOption,
    LimitOption,
    NamespaceOption,
    TagOption,
    namespace_name,
    node_name,
    tags,
)
from cli.output import Format
from cli.pages import every
from cli.session import connect
from spiritsafe.registry.v1 import dataset_pb2
from spiritsafe.rpc.names import DEFAULT_NAMESPACE

COLUMNS = ("name", "display_name", "latest_version", "creator", "create_time", "tags")
NameArgument = Annotated[str, typer.Argument(help="DATASET, or a full resource name.")]
DataKindOption = Annotated[
    Literal["prompts", "trajectories", "evaluation"], typer.Option("--kind", help="What the version is.")
]

app = new_app("Datasets: prompts, trajectories, evaluation sets, with numbered versions.")


@app.command("create")
def create(
    name: NameArgument,
    display_name: DisplayNameOption = "",
    description: DescriptionOption = "",
    tag: TagOption = None,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Create a dataset.

    Example: spiritsafe dataset create support-traces --display-name acme/support-traces
    """
    node = node_name(name, "datasets")
    dataset = dataset_pb2.Dataset(display_name=display_name, description=description, tags=tags(tag))
    request = dataset_pb2.CreateDatasetRequest(
        parent=namespace_name(node.namespace), dataset_id=node.id, dataset=dataset, validate_only=dry_run
    )
    with connect() as client:
        output.print_one(form, client.datasets.CreateDataset(request).dataset)


@app.command("list")
def list_datasets(
    condition: FilterOption = "",
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    limit: LimitOption = 100,
    form: FormatOption = Format.TABLE,
) -> None:
    """List datasets.

    Example: spiritsafe dataset list --filter 'tags.team = "support"'
    """
    request = dataset_pb2.ListDatasetsRequest(parent=namespace_name(namespace), filter=condition)
    with connect() as client:
        found = every(client.datasets.ListDatasets, request, "datasets", limit)
        output.print_list(form, "datasets", found, COLUMNS)


@app.command("show")
def show(name: NameArgument, form: FormatOption = Format.TABLE) -> None:
    """Show one dataset, or one version as DATASET@N.

    Example: spiritsafe dataset show support-traces
    """
    if "@" in name or "/versions/" in name:
        versions.print_version(name, form, "datasets")
        return
    with connect() as client:
        request = dataset_pb2.GetDatasetRequest(name=str(node_name(name, "datasets")))
        output.print_one(form, client.datasets.GetDataset(request).dataset)


@app.command("register")
def register(
    name: NameArgument,
    folder: versions.FolderArgument,
    kind: DataKindOption,
    license_: versions.LicenseOption = None,
    no_license: versions.NoLicenseOption = False,
    edge: versions.EdgeOption = None,
    imported: versions.ImportedOption = False,
    description: DescriptionOption = "",
    tag: TagOption = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Declare a version of a dataset, upload its folder and finalize it. Repeat it after an interruption.

    Example: spiritsafe dataset register traces ./folder --kind trajectories --edge generated_by:teacher@1 --no-license
    """
    made = versions.Declaration(kind, license_, no_license, edge, imported, description=description, tag_texts=tag)
    versions.publish(name, folder, made, form, "datasets")


@app.command("download")
def download(
    name: Annotated[str, typer.Argument(help="DATASET@N; the newest version where no number is given.")],
    to: versions.ToOption,
    form: FormatOption = Format.TABLE,
) -> None:
    """Download a version of a dataset, verified against its digest.

    Example: spiritsafe dataset download support-traces@1 --to ./traces
    """
    versions.fetch(name, to, form, "datasets")
