"""The Spiritsafe SDK: clients of the model registry and distillation service, their errors and resource names."""

from spiritsafe.async_client import AsyncClient
from spiritsafe.client import Client
from spiritsafe.errors import SpiritsafeError
from spiritsafe.evidence import Decision
from spiritsafe.paging import async_items, async_pages, items, pages
from spiritsafe.rpc.connection import Connection
from spiritsafe.rpc.names import ChannelName, EvaluationReportName, NodeName, VersionName, expand, shorten
from spiritsafe.rpc.retrying import NO_RETRIES, RetryPolicy

__all__ = [
    "NO_RETRIES",
    "AsyncClient",
    "ChannelName",
    "Client",
    "Connection",
    "Decision",
    "EvaluationReportName",
    "NodeName",
    "RetryPolicy",
    "SpiritsafeError",
    "VersionName",
    "async_items",
    "async_pages",
    "expand",
    "items",
    "pages",
    "shorten",
]
