"""``spiritsafe version``, and the registering and downloading that ``model`` and ``dataset`` share with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from cli import findings, output
from cli.files import read_json
from cli.lazy import app as new_app
from cli.options import (
    DescriptionOption,
    DryRunOption,
    FilterOption,
    FormatOption,
    LimitOption,
    NamespaceOption,
    OrderOption,
    ShowDeletedOption,
    TagOption,
    VersionArgument,
    edges,
    exact_version,
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
from spiritsafe.registry.v1 import channel_policy_pb2, version_pb2
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
    order_by: OrderOption = "",
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    limit: LimitOption = 100,
    show_deleted: ShowDeletedOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """List versions, newest first unless told. The namespace "-" stands for all that you may see.

    Example: spiritsafe version list --filter 'deployable.commercial = "denied" AND tags.team = "search"'
    """
    parent = str(node_name(node)) if node else f"{namespace_name(namespace)}/models/-"
    with connect() as client:
        request = version_pb2.ListVersionsRequest(
            parent=parent, filter=condition, order_by=order_by, show_deleted=show_deleted
        )
        found = every(client.versions.ListVersions, request, "versions", limit)
        output.print_list(form, "versions", found, (*LIST_COLUMNS, "delete_time") if show_deleted else LIST_COLUMNS)


@app.command("update")
def update(
    version: VersionArgument,
    description: Annotated[str | None, typer.Option("--description", help="Any text; '' removes it.")] = None,
    tag: TagOption = None,
    no_tags: Annotated[bool, typer.Option("--no-tags", help="Remove all tags.")] = False,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Change the description of a version, or replace its tags; its content stays as it is.

    Example: spiritsafe version update support-tool@1 --tag team=search --tag stage=trial
    """
    if tag and no_tags:
        raise invalid("options", "--tag and --no-tags exclude each other", "give one of them")
    mask = [*(["description"] if description is not None else []), *(["tags"] if tag or no_tags else [])]
    if not mask:
        raise invalid("options", "nothing to change", "give --description, --tag or --no-tags")
    with connect() as client:
        name = resolve_version(client, version)
        given = version_pb2.Version(name=str(name), description=description or "", tags=tags(tag))
        request = version_pb2.UpdateVersionRequest(
            version=given, update_mask=FieldMask(paths=mask), validate_only=dry_run
        )
        output.print_one(form, client.versions.UpdateVersion(request).version)


@app.command("delete")
def delete(version: VersionArgument, dry_run: DryRunOption = False, form: FormatOption = Format.TABLE) -> None:
    """Delete a version that nothing rests on; for some weeks it can be brought back.

    Example: spiritsafe version delete support-tool@1
    """
    with connect() as client:
        request = version_pb2.DeleteVersionRequest(name=str(exact_version(version)), validate_only=dry_run)
        output.print_one(form, client.versions.DeleteVersion(request).version)


@app.command("undelete")
def undelete(version: VersionArgument, dry_run: DryRunOption = False, form: FormatOption = Format.TABLE) -> None:
    """Bring a deleted version back.

    Example: spiritsafe version undelete support-tool@1
    """
    with connect() as client:
        request = version_pb2.UndeleteVersionRequest(name=str(exact_version(version)), validate_only=dry_run)
        output.print_one(form, client.versions.UndeleteVersion(request).version)


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


@app.command("sign")
def sign(
    version: VersionArgument,
    key: Annotated[Path, typer.Option("--key", help="Ed25519 private key, PEM; it stays on this machine.")],
    statement: Annotated[Path | None, typer.Option("--statement", help="JSON object that you sign beside it.")] = None,
    dry_run: DryRunOption = False,
    form: FormatOption = Format.TABLE,
) -> None:
    """Sign the manifest digest of a version, and attach the signature; channel policies say whose they ask for.

    Example: spiritsafe version sign support-tool@1 --key release.pem
    """
    from spiritsafe.signing import sign_release

    predicate = read_json(statement) if statement else {}
    if not isinstance(predicate, dict):
        raise invalid(str(statement), "is not a JSON object", "write an object")
    try:
        private_key = key.read_bytes()
    except OSError as error:
        raise invalid("key", f"cannot read {key}: {error.strerror}") from error
    with connect() as client:
        name = resolve_version(client, version)
        found = client.versions.GetVersion(version_pb2.GetVersionRequest(name=str(name))).version
        envelope, public_key = sign_release(found.name, found.digest, predicate, private_key)
        request = channel_policy_pb2.AttachSignatureRequest(
            version=found.name, envelope_json=envelope, public_key_pem=public_key, validate_only=dry_run
        )
        output.print_one(form, client.channel_policies.AttachSignature(request).signature)


@app.command("signatures")
def signatures(version: VersionArgument, limit: LimitOption = 100, form: FormatOption = Format.TABLE) -> None:
    """List who signed a version.

    Example: spiritsafe version signatures support-tool@1
    """
    with connect() as client:
        name = resolve_version(client, version)
        request = channel_policy_pb2.ListSignaturesRequest(version=str(name))
        found = every(client.channel_policies.ListSignatures, request, "signatures", limit)
        output.print_list(form, "signatures", found, ("key_id", "creator", "create_time"))


@app.command("rescan")
def rescan(version: VersionArgument, dry_run: DryRunOption = False, form: FormatOption = Format.TABLE) -> None:
    """Scan the files of a version again, and print its findings. The manifest stays as it is.

    Example: spiritsafe version rescan support-tool@1
    """
    findings.print_rescan(version, form, dry_run=dry_run)
