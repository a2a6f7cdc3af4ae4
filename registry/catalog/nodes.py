"""Models and datasets: one implementation, told apart by their collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import uuid4

from google.protobuf.field_mask_pb2 import FieldMask
from sqlmodel import Session, col, select

from registry.catalog.fields import check_line, check_tags, check_text
from registry.clock import now, to_timestamp
from registry.decisions.epoch import Reach, bump_epoch
from registry.errors import already_exists, check_etag, etag, invalid
from registry.listing import filters
from registry.listing.paging import Page
from registry.storage.audit import Event
from registry.storage.lookup import get_node, node_name
from registry.storage.tables import Channel, Node
from spiritsafe.registry.v1 import dataset_pb2, model_pb2
from spiritsafe.rpc.caller import Caller
from spiritsafe.rpc.names import ChannelName, Collection, NodeName

NodeMessage = model_pb2.Model | dataset_pb2.Dataset
UPDATABLE = ("display_name", "description", "tags")
_COLUMNS = {"display_name": col(Node.display_name), "tags": col(Node.tags)}
_FILTERABLE = ("display_name", "tags.")
_SINGULAR = {"models": "model", "datasets": "dataset"}


def create(session: Session, caller: Caller, name: NodeName, given: NodeMessage) -> tuple[Node, Event]:
    """A new model or dataset without versions. Raises AlreadyExists and InvalidArgument."""
    taken = select(Node.id).where(
        Node.namespace == name.namespace, Node.collection == name.collection, Node.slug == name.id
    )
    if session.exec(taken).first() is not None:
        raise already_exists(str(name))
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
    return node, Event(f"{_SINGULAR[name.collection]}.created", str(name), {"display_name": node.display_name})


def update(session: Session, name: NodeName, given: NodeMessage, mask: FieldMask) -> tuple[Node, Event]:
    """Changes the fields that the mask names; without a mask those that are set (AIP-134).

    A new display name advances the licence epoch, because naming clauses look at it; the event then names the channels
    whose verdict may change. Raises Aborted, InvalidArgument and NotFound.
    """
    node = get_node(session, name)
    check_etag(given.etag, node.revision, str(name))
    fields = _masked(given, mask)
    before = node.display_name
    for field in fields:
        _assign(node, given, field)
    node.revision += 1
    node.update_time = now()
    session.add(node)
    details: dict[str, Any] = {"fields": fields}
    if node.display_name != before:
        channels = _channels_holding(session, node)
        details["display_name"] = {"from": before, "to": node.display_name}
        details["channels"] = channels
        details["licence_epoch"] = bump_epoch(session, Reach(node_ids=(cast("int", node.id),), descend=False))
    return node, Event(f"{_SINGULAR[node.collection]}.updated", str(name), details)


def list_page(
    session: Session, namespace: str, collection: Collection, page: Page, filter_: str
) -> tuple[Sequence[Node], str]:
    """Models or datasets of a namespace by id, with the next page token."""
    query = select(Node).where(Node.namespace == namespace, Node.collection == collection)
    for condition in filters.parse(filter_, _FILTERABLE):
        query = query.where(filters.where(condition, _COLUMNS))
    if page.after is not None:
        query = query.where(col(Node.slug) > page.after)
    rows = session.exec(query.order_by(col(Node.slug)).limit(page.size + 1)).all()
    return page.cut(rows, lambda node: node.slug)


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
    }


def _masked(given: NodeMessage, mask: FieldMask) -> list[str]:
    paths = list(dict.fromkeys(mask.paths))
    if paths == ["*"]:
        return list(UPDATABLE)
    for path in paths:
        if path not in UPDATABLE:
            raise invalid("update_mask", f"{path!r} cannot be changed", remedy=f"name any of {', '.join(UPDATABLE)}")
    return paths or [field for field in UPDATABLE if getattr(given, field)]


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
