"""How much of a body is read for its structure. What is larger is compared as text or as a whole."""

from typing import Final

STRUCTURE_BYTES: Final = 4 * 2**20
"""Bytes of a body, its codings undone, that the readers of this room are asked to read."""
NODES: Final = 200_000
"""Elements, attributes and texts of a page; lines of a text; events of a stream; fields and parts of a form."""


class TooLarge(Exception):
    """There is more in a body than is looked at."""
