"""What a call costs before it does anything: the ceiling of every other figure, on one server process and one core."""

from __future__ import annotations

from collections.abc import Callable

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from spiritsafe.registry.v1 import identity_pb2
from tests.benchmarks.registry.ours import Registry
from tests.benchmarks.registry.results import Figure
from tests.benchmarks.registry.sizes import CALLERS, Sizes
from tests.benchmarks.registry.systems import slug_of
from tests.benchmarks.registry.timing import Timed, alone, together

# Aimed at for the read of a channel, on one core.
READS_PER_SECOND = 1_500


def measure(registry: Registry, sizes: Sizes) -> list[Figure]:
    """Calls per second of one caller and of CALLERS at once."""
    caller = registry.connect()
    slug = slug_of(0)
    caller.move_channel(slug, 1)
    with grpc.insecure_channel(registry.address, [("grpc.enable_http_proxy", 0)]) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        calls: list[tuple[str, Callable[[], object], float | None]] = [
            ("health check, not guarded", lambda: health.Check(health_pb2.HealthCheckRequest()), None),
            (
                "GetCaller: nothing but the gate",
                lambda: registry.client.identity.GetCaller(identity_pb2.GetCallerRequest()),
                None,
            ),
            ("GetChannel, with its verdict", lambda: caller.read_channel(slug), READS_PER_SECOND),
            ("GetVersion, with its verdicts", lambda: caller.get_version(slug, 1), None),
        ]
        totals = [(Timed(), Timed()) for _ in calls]
        for _ in range(sizes.rounds):
            for (_, call, _), (single, crowd) in zip(calls, totals, strict=True):
                single.add(alone(call, sizes.calls, sizes.seconds))
                crowd.add(together([call] * CALLERS, sizes.calls * 4, sizes.seconds))
    figures = []
    for (name, _, goal), (single, crowd) in zip(calls, totals, strict=True):
        figures.append(Figure(f"{name}, one caller", single.rate, "calls/s"))
        figures.append(Figure(f"{name}, {CALLERS} callers", crowd.rate, "calls/s", goal))
    return figures
