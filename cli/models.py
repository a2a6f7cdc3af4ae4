"""``spiritsafe model``."""

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
from spiritsafe.registry.v1 import model_pb2
from spiritsafe.rpc.names import DEFAULT_NAMESPACE

COLUMNS = ("name", "display_name", "latest_version", "creator", "create_time", "tags")
NameArgument = Annotated[str, typer.Argument(help="MODEL, or a full resource name.")]
ModelKindOption = Annotated[
    Literal["base", "adapter", "full", "quantized"], typer.Option("--kind", help="What the version is.")
]

app = new_app("Models: named, with numbered versions.")


@app.command("create")
def create(
    name: NameArgument,
    display_name: DisplayNameOption = "",
    description: DescriptionOption = "",
    tag: TagOption = None,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Create a model.

    Example: spiritsafe model create support-tool --display-name acme/Support-Tool-0.6B
    """
    node = node_name(name)
    model = model_pb2.Model(display_name=display_name, description=description, tags=tags(tag))
    request = model_pb2.CreateModelRequest(
        parent=namespace_name(node.namespace), model_id=node.id, model=model, validate_only=dry_run
    )
    with connect() as client:
        output.print_one(form, client.models.CreateModel(request).model)


@app.command("list")
def list_models(
    condition: FilterOption = "",
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    limit: LimitOption = 100,
    form: FormatOption = Format.TABLE,
) -> None:
    """List models.

    Example: spiritsafe model list --filter 'tags.team = "support"'
    """
    request = model_pb2.ListModelsRequest(parent=namespace_name(namespace), filter=condition)
    with connect() as client:
        found = every(client.models.ListModels, request, "models", limit)
        output.print_list(form, "models", found, COLUMNS)


@app.command("show")
def show(name: NameArgument, form: FormatOption = Format.TABLE) -> None:
    """Show one model, or one version as MODEL@N.

    Example: spiritsafe model show support-tool
    """
    if "@" in name or "/versions/" in name:
        versions.print_version(name, form, "models")
        return
    with connect() as client:
        request = model_pb2.GetModelRequest(name=str(node_name(name)))
        output.print_one(form, client.models.GetModel(request).model)


@app.command("register")
def register(
    name: NameArgument,
    folder: versions.FolderArgument,
    kind: ModelKindOption,
    license_: versions.LicenseOption = None,
    no_license: versions.NoLicenseOption = False,
    edge: versions.EdgeOption = None,
    imported: versions.ImportedOption = False,
    from_catalog: versions.CatalogOption = "",
    base_family: versions.FamilyOption = "",
    description: DescriptionOption = "",
    tag: TagOption = None,
    form: FormatOption = Format.TABLE,
) -> None:
    """Declare a version of a model, upload its folder and finalize it. Repeat it after an interruption.

    Example: spiritsafe model register qwen3 ./Qwen3-0.6B --kind base --from-catalog Qwen/Qwen3-0.6B
    """
    made = versions.Declaration(kind, license_, no_license, edge, imported, from_catalog, base_family, description, tag)
    versions.publish(name, folder, made, form, "models")


@app.command("download")
def download(
    name: Annotated[str, typer.Argument(help="MODEL@N; the newest version where no number is given.")],
    to: versions.ToOption,
    form: FormatOption = Format.TABLE,
) -> None:
    """Download a version of a model, verified against its digest.

    Example: spiritsafe model download support-tool@1 --to ./support-tool
    """
    versions.fetch(name, to, form, "models")
