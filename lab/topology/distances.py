"""Latencies from distances: the length of a great circle, and the speed of light in fibre."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt
from typing import Final

EARTH_RADIUS: Final = 6371.0088
"""Kilometres: the mean radius of the Earth (IUGG)."""


def great_circle(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return the kilometres between two positions, each a longitude and a latitude in degrees.

    By the haversine formula, on a sphere. Raises ValueError for a latitude beyond the poles.
    """
    for _, latitude in (a, b):
        if abs(latitude) > 90:
            raise ValueError(f"{latitude:g} is not a latitude, which is from -90 to 90")
    (lon_a, lat_a), (lon_b, lat_b) = (map(radians, a), map(radians, b))
    half_lon, half_lat = (lon_b - lon_a) / 2, (lat_b - lat_a) / 2
    square = sin(half_lat) ** 2 + cos(lat_a) * cos(lat_b) * sin(half_lon) ** 2
    return 2 * EARTH_RADIUS * asin(min(1.0, sqrt(square)))


def latency(km: float, speed: float) -> float:
    """Return the seconds that a signal takes, in whole microseconds; ``speed`` is in km/s."""
    return round(km / speed, 6)
