"""``spiritsafe version``, and the registering and downloading that ``model`` and ``dataset`` share with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from cli import findings, output
from cli.lazy import app as new_app
from cli.options import (
    DescriptionOption,
    DryRunOption,
    FilterOption,
    FormatOption,
    LimitOption,
    NamespaceOption,
    TagOption,
    VersionArgument,
    edges,
    invalid,
    licenses,
    namespace_name,
    node_name,
    resolve_version,
    tags,
)
from cli.output import Format
from cli.pages import every
from cli.session import connect
from spiritsafe.registry.v1 import version_pb2
from spiritsafe.rpc.names import DEFAULT_NAMESPACE, Collection, VersionName

KindName = Literal["base", "adapter", "full", "quantized", "prompts", "trajectories", "evaluation"]
VERSION_COLUMNS = ("name", "public_name", "kind", "state", "declared_licenses", "stand_in", "deployable")
LIST_COLUMNS = ("name", "kind", "state", "declared_licenses", "stand_in", "deployable", "create_time")

FolderArgument = Annotated[Path, typer.Argument(help="Folder with the files of the version.")]
KindOption = Annotated[KindName, typer.Option("--kind", help="What the version is.")]
LicenseOption = Annotated[list[str] | None, typer.Option("--license", help="A licence that it declares; repeatable.")]
NoLicenseOption = Annotated[bool, typer.Option("--no-license", help="It was made here and has no licence of its own.")]
EdgeOption = Annotated[
    list[str] | None,
    typer.Option("--edge", help="TYPE:PARENT, e.g. adapter:teacher@1 or trained_on:dataset:traces@2; repeatable."),
]
ImportedOption = Annotated[bool, typer.Option("--imported", help="Made by somebody else.")]
CatalogOption = Annotated[
    str, typer.Option("--from-catalog", help="Take licences and family from a catalogue entry, e.g. Qwen/Qwen3-0.6B.")
]
FamilyOption = Annotated[str, typer.Option("--base-family", help="For a licensor's own release, e.g. llama3.")]
ToOption = Annotated[Path, typer.Option("--to", help="Folder to write to.")]

CREATE_HELP = """Declare a version as a draft, without its files; `register` with the same options completes it.

Example: spiritsafe version create teacher ./adapter --kind adapter --edge adapter:base@1 --no-license
"""
REGISTER_HELP = """Declare a version, upload its folder and finalize it. Repeat the same command after an interruption.

Example: spiritsafe version register teacher ./adapter --kind adapter --edge adapter:base@1 --no-license
"""

app = new_app("Versions of models and datasets: immutable, numbered, content-addressed.")


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the command line says about a new version."""

    kind: str
    named_licenses: list[str] | None = None
    no_license: bool = False
    edge_texts: list[str] | None = None
    imported: bool = False
    catalog_repo: str = ""
    base_family: str = ""
    description: str = ""
    tag_texts: list[str] | None = None

    def message(self) -> version_pb2.Version:
        """The version as it would be declared, without what the catalogue adds."""
        return version_pb2.Version(
            kind=version_pb2.VersionKind.Value(f"VERSION_KIND_{self.kind.upper()}"),
            description=self.description,
            tags=tags(self.tag_texts),
            edges=edges(self.edge_texts or ()),
            declared_licenses=licenses(self.named_licenses, self.no_license),
            imported=self.imported,
            base_family=self.base_family,
        )


def publish(
    text: str, folder: Path, declaration: Declaration, form: Format, collection: Collection, *, upload: bool = True
) -> None:
    """Registers a folder as the next version of a model or dataset and prints it."""
    from cli import transfer

    parent = node_name(text, collection)
    version = declaration.message()
    if not folder.is_dir():
        raise invalid("folder", f"{folder} is not a folder", "name the folder that holds the files")
    with connect() as client:
        if declaration.catalog_repo:
            transfer.from_catalog(client, declaration.catalog_repo, version)
        act = transfer.register if upload else transfer.declare
        output.print_one(form, act(client, str(parent), version, folder))


def fetch(text: str, target: Path, form: Format, collection: Collection) -> None:
    """Downloads a version and prints where it lies."""
    from cli import transfer

    with connect() as client:
        name = resolve_version(client, text, collection)
        folder = transfer.download(client, name, target)
    data = {"version": str(name), "folder": str(folder.resolve())}
    if form is Format.JSON:
        output.print_json(data)
    else:
        output.console().print(output.details(data))


# One function, because registering a folder completes a draft only when the options are the same.
@app.command("register", help=REGISTER_HELP)
@app.command("create", help=CREATE_HELP)
def register(
    context: typer.Context,
    node: Annotated[str, typer.Argument(help="MODEL or dataset:DATASET.")],
    folder: FolderArgument,
    kind: KindOption,
    license_: LicenseOption = None,
    no_license: NoLicenseOption = False,
    edge: EdgeOption = None,
    imported: ImportedOption = False,
    from_catalog: CatalogOption = "",
    base_family: FamilyOption = "",
    description: DescriptionOption = "",
    tag: TagOption = None,
    form: FormatOption = Format.TABLE,
) -> None:
    made = Declaration(kind, license_, no_license, edge, imported, from_catalog, base_family, description, tag)
    publish(node, folder, made, form, "models", upload=context.command.name == "register")


@app.command("list")
def list_versions(
    node: Annotated[str, typer.Argument(help="MODEL or dataset:DATASET; all models when left out.")] = "",
    condition: FilterOption = "",
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    limit: LimitOption = 100,
    form: FormatOption = Format.TABLE,
) -> None:
    """List versions, newest first.

    Example: spiritsafe version list --filter 'deployable.commercial = "denied"'
    """
    parent = str(node_name(node)) if node else f"{namespace_name(namespace)}/models/-"
    with connect() as client:
        request = version_pb2.ListVersionsRequest(parent=parent, filter=condition)
        found = every(client.versions.ListVersions, request, "versions", limit)
        output.print_list(form, "versions", found, LIST_COLUMNS)


@app.command("show")
def show(version: VersionArgument, form: FormatOption = Format.TABLE) -> None:
    """Show one version; the newest where no number is given.

    Example: spiritsafe version show support-tool@1
    """
    print_version(version, form, "models")


def print_version(text: str, form: Format, collection: Collection) -> None:
    """Prints one version whole."""
    with connect() as client:
        name: VersionName = resolve_version(client, text, collection)
        request = version_pb2.GetVersionRequest(name=str(name))
        output.print_one(form, client.versions.GetVersion(request).version)


@app.command("mirror")
def mirror(version: VersionArgument, form: FormatOption = Format.TABLE) -> None:
    """Have the registry fetch the external files of a version from the hub into its own store, verified.

    A channel takes no version whose files are elsewhere. Whole files are kept: repeat it after an interruption.

    Example: spiritsafe version mirror salesforce-xlam-2-3b-fc-r@1
    """
    from cli import transfer

    with connect() as client:
        name = resolve_version(client, version)
        last = transfer.mirror(client, name)
    data = {"version": str(name), "mirrored_files": last.mirrored_files, "external_files": last.external_files}
    if form is Format.JSON:
        output.print_json(data)
    elif last.external_files:
        output.console().print(output.details(data))
    else:
        output.notices().print(f"{name.short} has no external files")


@app.command("download")
def download(version: VersionArgument, to: ToOption, form: FormatOption = Format.TABLE) -> None:
    """Download every file of a version, verified against its digest.

    Example: spiritsafe version download support-tool@1 --to ./support-tool
    """
    fetch(version, to, form, "models")


@app.command("rescan")
def rescan(version: VersionArgument, dry_run: DryRunOption = False, form: FormatOption = Format.TABLE) -> None:
    """Scan the files of a version again, and print its findings. The manifest stays as it is.

    Example: spiritsafe version rescan support-tool@1
    """
    findings.print_rescan(version, form, dry_run=dry_run)
