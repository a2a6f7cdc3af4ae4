"""``spiritsafe model`` and ``spiritsafe dataset``: one implementation, told apart by the collection."""

# Annotations are not deferred here: typer could not read those in ``_group``, which take their help from its variables.

from typing import Annotated, Any, Literal

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from cli import evaluation_reports, output, versions
from cli.lazy import app as new_app
from cli.options import (
    DescriptionOption,
    DisplayNameOption,
    DryRunOption,
    FilterOption,
    FormatOption,
    LimitOption,
    NamespaceOption,
    OrderOption,
    ShowDeletedOption,
    TagOption,
    invalid,
    namespace_name,
    node_name,
    tags,
)
from cli.output import Format
from cli.pages import every
from cli.session import connect
from spiritsafe.client import Client
from spiritsafe.registry.v1 import dataset_pb2, model_pb2
from spiritsafe.rpc.names import DEFAULT_NAMESPACE, Collection

_MESSAGES = {"models": model_pb2, "datasets": dataset_pb2}
COLUMNS = ("name", "display_name", "latest_version", "creator", "create_time", "tags")

ModelKindOption = Annotated[
    Literal["base", "adapter", "full", "quantized"], typer.Option("--kind", help="What the version is.")
]
DataKindOption = Annotated[
    Literal["prompts", "trajectories", "evaluation"], typer.Option("--kind", help="What the version is.")
]


def _rpc(client: Client, collection: Collection, method: str) -> tuple[Any, Any]:
    """A method of the collection's service, and the type of its request, named after it (AIP-131 to 133)."""
    return getattr(getattr(client, collection), method), getattr(_MESSAGES[collection], f"{method}Request")


def _group(collection: Collection, about: str, example: str, example_display_name: str) -> typer.Typer:
    """A group of what models and datasets have in common; the examples are the names that their help uses."""
    noun = collection.removesuffix("s")
    name_help = f"{noun.upper()}, or a full resource name."
    group = new_app(about)

    @group.command(
        "create",
        help=f"Create a {noun}.\n\nExample: spiritsafe {noun} create {example} --display-name {example_display_name}",
    )
    def create(
        name: Annotated[str, typer.Argument(help=name_help)],
        display_name: DisplayNameOption = "",
        description: DescriptionOption = "",
        tag: TagOption = None,
        dry_run: DryRunOption = False,
        form: FormatOption = Format.TABLE,
    ) -> None:
        node = node_name(name, collection)
        parent = namespace_name(node.namespace)
        given = {"display_name": display_name, "description": description, "tags": tags(tag)}
        named = {f"{noun}_id": node.id, noun: given}
        with connect() as client:
            call, request_type = _rpc(client, collection, f"Create{noun.title()}")
            response = call(request_type(parent=parent, validate_only=dry_run, **named))
            output.print_one(form, getattr(response, noun))

    @group.command(
        "update",
        help=f"Change what is given; a new public name is judged anew wherever a licence asks for one.\n\n"
        f"Example: spiritsafe {noun} update {example} --display-name {example_display_name}",
    )
    def update(
        name: Annotated[str, typer.Argument(help=name_help)],
        display_name: DisplayNameOption = "",
        description: DescriptionOption = "",
        tag: TagOption = None,
        dry_run: DryRunOption = False,
        form: FormatOption = Format.TABLE,
    ) -> None:
        given = {"display_name": display_name, "description": description, "tags": tags(tag)}
        changed = {field: value for field, value in given.items() if value}
        if not changed:
            raise invalid("options", "nothing to change", "give --display-name, --description or --tag")
        named = {noun: {"name": str(node_name(name, collection)), **changed}}
        with connect() as client:
            call, request_type = _rpc(client, collection, f"Update{noun.title()}")
            response = call(request_type(update_mask=FieldMask(paths=changed), validate_only=dry_run, **named))
            output.print_one(form, getattr(response, noun))

    @group.command(
        "show",
        help=f"Show one {noun}, or one version as {noun.upper()}@N.\n\nExample: spiritsafe {noun} show {example}",
    )
    def show(name: Annotated[str, typer.Argument(help=name_help)], form: FormatOption = Format.TABLE) -> None:
        if "@" in name or "/versions/" in name:
            versions.print_version(name, form, collection)
            return
        node = node_name(name, collection)
        with connect() as client:
            call, request_type = _rpc(client, collection, f"Get{noun.title()}")
            output.print_one(form, getattr(call(request_type(name=str(node))), noun))

    _add_list(group, collection, noun)
    _add_deletion(group, collection, noun, example)
    return group


def _add_list(group: typer.Typer, collection: Collection, noun: str) -> None:
    @group.command(
        "list",
        help=f'List {collection}, by name unless told. The namespace "-" stands for all that you may see.\n\n'
        f"Example: spiritsafe {noun} list --filter 'tags.team = \"support\"'",
    )
    def list_nodes(
        condition: FilterOption = "",
        order_by: OrderOption = "",
        namespace: NamespaceOption = DEFAULT_NAMESPACE,
        limit: LimitOption = 100,
        show_deleted: ShowDeletedOption = False,
        form: FormatOption = Format.TABLE,
    ) -> None:
        columns = (*COLUMNS, "delete_time") if show_deleted else COLUMNS
        with connect() as client:
            call, request_type = _rpc(client, collection, f"List{collection.title()}")
            request = request_type(
                parent=namespace_name(namespace), filter=condition, order_by=order_by, show_deleted=show_deleted
            )
            found = every(call, request, collection, limit)
            output.print_list(form, collection, found, columns)


def _add_deletion(group: typer.Typer, collection: Collection, noun: str, example: str) -> None:
    def act(verb: str, name: str, dry_run: bool, form: Format) -> None:
        with connect() as client:
            call, request_type = _rpc(client, collection, f"{verb}{noun.title()}")
            request = request_type(name=str(node_name(name, collection)), validate_only=dry_run)
            output.print_one(form, getattr(call(request), noun))

    name_help = f"{noun.upper()}, or a full resource name."

    @group.command(
        "delete",
        help=f"Delete a {noun} with its versions; for some weeks they can be brought back.\n\n"
        f"Example: spiritsafe {noun} delete {example}",
    )
    def delete(
        name: Annotated[str, typer.Argument(help=name_help)],
        dry_run: DryRunOption = False,
        form: FormatOption = Format.TABLE,
    ) -> None:
        act("Delete", name, dry_run, form)

    @group.command(
        "undelete",
        help=f"Bring a deleted {noun} back.\n\nExample: spiritsafe {noun} undelete {example}",
    )
    def undelete(
        name: Annotated[str, typer.Argument(help=name_help)],
        dry_run: DryRunOption = False,
        form: FormatOption = Format.TABLE,
    ) -> None:
        act("Undelete", name, dry_run, form)


models = _group("models", "Models: named, with numbered versions.", "support-tool", "acme/Support-Tool-0.6B")
models.add_typer(evaluation_reports.app, name="evaluation")


@models.command("register")
def register_model(
    name: Annotated[str, typer.Argument(help="MODEL, or a full resource name.")],
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


@models.command("download")
def download_model(
    name: Annotated[str, typer.Argument(help="MODEL@N; the newest version where no number is given.")],
    to: versions.ToOption,
    form: FormatOption = Format.TABLE,
) -> None:
    """Download a version of a model, verified against its digest.

    Example: spiritsafe model download support-tool@1 --to ./support-tool
    """
    versions.fetch(name, to, form, "models")


datasets = _group(
    "datasets",
    "Datasets: prompts, trajectories, evaluation sets, with numbered versions.",
    "support-traces",
    "acme/support-traces",
)


@datasets.command("register")
def register_dataset(
    name: Annotated[str, typer.Argument(help="DATASET, or a full resource name.")],
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


@datasets.command("download")
def download_dataset(
    name: Annotated[str, typer.Argument(help="DATASET@N; the newest version where no number is given.")],
    to: versions.ToOption,
    form: FormatOption = Format.TABLE,
) -> None:
    """Download a version of a dataset, verified against its digest.

    Example: spiritsafe dataset download support-traces@1 --to ./traces
    """
    versions.fetch(name, to, form, "datasets")
