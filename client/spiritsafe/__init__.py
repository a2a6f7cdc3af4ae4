"""The Spiritsafe SDK: a client of the model registry and distillation service, its errors and resource names."""

from spiritsafe.client import Client
from spiritsafe.errors import SpiritsafeError
from spiritsafe.rpc.names import ChannelName, EvaluationReportName, NodeName, VersionName

__all__ = ["ChannelName", "Client", "EvaluationReportName", "NodeName", "SpiritsafeError", "VersionName"]
