"""Plain text, compared line by line."""

import re

from migrator.core.body import Document
from migrator.core.formats.bounds import NODES
from migrator.core.formats.media import MediaType

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


def decoded(data: bytes, media: MediaType) -> str | None:
    """The text that these bytes are, by the charset that is claimed or as UTF-8; None where they are none."""
    for charset in filter(None, (media.charset, "utf-8")):
        try:
            text = data.decode(charset)
        except (LookupError, ValueError):
            continue
        return None if not isinstance(text, str) or _CONTROL.search(text) else text
    return None


def read_text(data: bytes, media: MediaType) -> Document | None:
    """The lines as an array, None where it is no text or has too many. Other ends of lines are other lines."""
    text = decoded(data, media)
    if text is None or text.count("\n") >= NODES:
        return None
    return Document(text.split("\n"))
