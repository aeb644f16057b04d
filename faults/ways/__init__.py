"""How each fault is done, by its name in the schedule; by its first word where the rest is about its numbers."""

from faults.target import Way
from faults.ways import broker, clock, data, disk, erasure, growth, limits, network, redis, workers

WAYS: dict[str, Way] = workers.WAYS | redis.WAYS | broker.WAYS | network.WAYS | limits.WAYS | disk.WAYS
WAYS |= data.WAYS | erasure.WAYS | clock.WAYS | growth.WAYS


def way_of(fault: str) -> Way:
    """How that fault is done; KeyError for one that nobody knows."""
    return WAYS.get(fault) or WAYS[fault.partition(" ")[0]]
