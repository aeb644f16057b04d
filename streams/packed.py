"""Short records of one width, one after the other in bytes: read and written in one step, however many they are."""


def find(packed: bytes, beginning: bytes, width: int) -> int:
    """Where the first record is that begins so; -1 if none does."""
    at = packed.find(beginning)
    while at % width and at != -1:  # a match across two records is none
        at = packed.find(beginning, at + 1)
    return at
