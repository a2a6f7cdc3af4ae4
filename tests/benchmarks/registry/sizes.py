"""How much is stored and how long is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """``models`` x ``versions`` small models, one large model, and the bounds of the measurements.

    A block of calls ends after ``calls`` of them or ``seconds``, but never before ``MIN_CALLS``.
    """

    models: int
    versions: int
    large: int
    page_size: int
    page: int
    rounds: int
    calls: int
    seconds: float
    depth: int
    descendants: int
    artifact_bytes: int


MIN_CALLS = 3
CALLERS = 16
FULL = Sizes(
    models=2_000,
    versions=50,
    large=100_000,
    page_size=200,
    page=500,
    rounds=7,
    calls=300,
    seconds=3.0,
    depth=100,
    descendants=100_000,
    artifact_bytes=1 << 30,
)
QUICK = Sizes(
    models=10,
    versions=5,
    large=120,
    page_size=10,
    page=12,
    rounds=2,
    calls=8,
    seconds=0.3,
    depth=20,
    descendants=100,
    artifact_bytes=4 << 20,
)
