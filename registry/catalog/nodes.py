"""Models and datasets: one implementation, told apart by their collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import uuid4

import sqlalchemy
from google.protobuf.field_mask_pb2 import FieldMask
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from registry.catalog import deletion
from registry.catalog.fields import check_line, check_tags, check_text, masked
from registry.clock import now, to_timestamp
from registry.decisions.epoch import Reach, bump_epoch
from registry.errors import already_exists, check_etag, etag
from registry.identity.access import visible
from registry.listing import fields
from registry.listing.filters import Restriction
from registry.listing.ordering import Sort, read_order
from registry.listing.paging import Page
from registry.storage.audit import Event
from registry.storage.lookup import get_node, node_name
from registry.storage.search_terms import tag_term
from registry.storage.tables import Channel, Node, NodeTerm
from spiritsafe.registry.v1 import dataset_pb2, model_pb2
from spiritsafe.rpc.caller import Caller, current_caller
from spiritsafe.rpc.names import ChannelName, Collection, NodeName

NodeMessage = model_pb2.Model | dataset_pb2.Dataset
UPDATABLE = ("display_name", "description", "tags")


def create(session: Session, caller: Caller, name: NodeName, given: NodeMessage) -> tuple[Node, Event]:
    """A new model or dataset without versions. Raises AlreadyExists and InvalidArgument."""
    taken = select(Node.delete_time).where(
        Node.namespace == name.namespace, Node.collection == name.collection, Node.slug == name.id
    )
    for delete_time in session.exec(taken):
        raise already_exists(str(name), is_deleted=delete_time is not None)
    time = now()
    node = Node(
        uid=uuid4().hex,
        namespace=name.namespace,
        collection=name.collection,
        slug=name.id,
        display_name="",
        creator=caller.identity,
        create_time=time,
        update_time=time,
    )
    for field in UPDATABLE:
        _assign(node, given, field)
    session.add(node)
    session.flush()
    return node, Event(f"{deletion.SINGULAR[name.collection]}.created", str(name), {"display_name": node.display_name})


def delete(session: Session, name: NodeName, given_etag: str, retention: int) -> tuple[Node, Event]:
    """Raises Aborted, FailedPrecondition and NotFound, see registry.catalog.deletion."""
    node = get_node(session, name)
    check_etag(given_etag, node.revision, str(name))
    return node, deletion.delete_node(session, node, retention)


def undelete(session: Session, name: NodeName, given_etag: str) -> tuple[Node, Event]:
    """Likewise."""
    node = get_node(session, name, deleted=True)
    check_etag(given_etag, node.revision, str(name))
    return node, deletion.undelete_node(session, node)


def update(session: Session, name: NodeName, given: NodeMessage, mask: FieldMask) -> tuple[Node, Event]:
    """Changes the fields that the mask names; without a mask those that are set (AIP-134).

    A new display name advances the licence epoch, because naming clauses look at it; the event then names the channels
    whose verdict may change. Raises Aborted, InvalidArgument and NotFound.
    """
    node = get_node(session, name)
    check_etag(given.etag, node.revision, str(name))
    changed = masked(given, mask, UPDATABLE)
    before = node.display_name
    for field in changed:
        _assign(node, given, field)
    node.revision += 1
    node.update_time = now()
    session.add(node)
    details: dict[str, Any] = {"fields": changed}
    if node.display_name != before:
        channels = _channels_holding(session, node)
        details["display_name"] = {"from": before, "to": node.display_name}
        details["channels"] = channels
        details["licence_epoch"] = bump_epoch(session, Reach(node_ids=(cast("int", node.id),), descend=False))
    return node, Event(f"{deletion.SINGULAR[node.collection]}.updated", str(name), details)


def list_page(
    session: Session,
    namespace: str,
    collection: Collection,
    page: Page,
    text: str,
    order_by: str = "",
    *,
    show_deleted: bool = False,
) -> tuple[Sequence[Node], str]:
    """Models or datasets by id or as told, with the next page token; of all visible namespaces for ``ALL``."""
    ordering = read_order(order_by, _SORTS, [_NAME], _ID)
    query = select(Node).where(
        Node.collection == collection,
        *visible(current_caller(), namespace, col(Node.namespace)),
        *fields.where(text, _FIELDS),
        *([] if show_deleted else [col(Node.delete_time).is_(None)]),
    )
    rows = session.exec(ordering.page(query, page, page.size + 1)).all()
    return page.cut(rows, ordering.key)


def message_fields(node: Node) -> dict[str, Any]:
    """The fields of its Model or Dataset message."""
    return {
        "name": str(node_name(node)),
        "uid": node.uid,
        "display_name": node.display_name,
        "description": node.description,
        "tags": node.tags,
        "latest_version": node.latest_version,
        "creator": node.creator,
        "create_time": to_timestamp(node.create_time),
        "update_time": to_timestamp(node.update_time),
        "etag": etag(node.revision),
        **deletion.times(node),
    }


def _assign(node: Node, given: NodeMessage, field: str) -> None:
    if field == "display_name":
        node.display_name = check_line(given.display_name, field).strip() or node.slug
    elif field == "description":
        node.description = check_text(given.description, field)
    else:
        node.tags = check_tags(given.tags, field)


def _channels_holding(session: Session, node: Node) -> list[str]:
    query = select(Channel).where(Channel.node_id == node.id, col(Channel.version_id).is_not(None))
    return sorted(str(ChannelName(node_name(node), each.context, each.stage)) for each in session.exec(query))


def _has_tag(restriction: Restriction) -> ColumnElement[bool]:
    value: fields.Column = col(Node.tags)[restriction.value].as_string()
    return value.is_not(None)


class _Tags:
    """`tags.KEY`: an equal value is found by its term."""

    def sql(self, restriction: Restriction) -> ColumnElement[bool]:
        value: fields.Column = col(Node.tags)[restriction.key].as_string()
        if restriction.operator != "=" or restriction.value.endswith("*"):
            return fields.Text(value).sql(restriction)
        term = tag_term(restriction.key, restriction.value)
        having = sqlalchemy.select(col(NodeTerm.node_id)).where(col(NodeTerm.term) == term)
        # The tag itself as well: a term is a hash.
        return col(Node.id).in_(having) & (value == restriction.value)


_ID, _NAME = Sort("id", col(Node.id)), Sort("slug", col(Node.slug))
_SORTS = {
    "name": _NAME,
    "display_name": Sort("display_name", col(Node.display_name)),
    "create_time": Sort("create_time", col(Node.create_time)),
    "update_time": Sort("update_time", col(Node.update_time)),
}
_FIELDS: fields.Fields = {
    "id": fields.Text(col(Node.slug)),
    "display_name": fields.Text(col(Node.display_name)),
    "description": fields.Text(col(Node.description)),
    "creator": fields.Text(col(Node.creator)),
    "create_time": fields.Time(col(Node.create_time)),
    "update_time": fields.Time(col(Node.update_time)),
    "tags": fields.Contains(_has_tag),
    "tags.": _Tags(),
}
