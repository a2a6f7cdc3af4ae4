"""The interval of a proportion, which both services show beside their figures. Pure."""

from __future__ import annotations

import math

Z_95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


def wilson_interval(successes: int, count: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927); unlike the normal one it is sound at 0 and 1.

    Raises:
        ValueError: ``count`` is not positive.
    """
    if count <= 0:
        raise ValueError("an interval needs at least one observation")
    share, squared = successes / count, z * z / count
    centre = (share + squared / 2) / (1 + squared)
    half = z / (1 + squared) * math.sqrt(share * (1 - share) / count + squared / (4 * count))
    return max(0.0, centre - half), min(1.0, centre + half)
