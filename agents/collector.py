"""Python's collector of cycles, as it is set wherever entries are decided by the million."""

import gc

# Python looks for cycles each 700 new containers; a batch alone makes ten thousand, without a cycle. That was a fourth
# of what an event cost. What cycles there are come of exceptions and tasks, a few for each batch.
CONTAINERS_BEFORE_COLLECTION = 100_000


def relax() -> None:
    """What is there now isn't looked through again, and new things seldom."""
    gc.freeze()
    gc.set_threshold(CONTAINERS_BEFORE_COLLECTION, *gc.get_threshold()[1:])
