"""A specification on its way through the two steps of an import: chosen, looked at, sent once more.

A browser forgets a chosen file with the page. So the second step carries it along, compressed, as far as a form may
be long; a longer one is chosen again, and told by its digest from another that was never looked at.
"""

import base64
import hashlib
import zlib
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest

from dashboards.parameters import text
from migrator.inventory.importers.documents import MAX_BYTES

CARRIED: Final = 1_500_000
"""Longest text that the second step carries, in characters. Django takes forms of up to 2.5 MB without their files."""
NAME: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A file as somebody chose it, one byte beyond the limit of specifications at most."""

    name: str
    data: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def carried(self) -> str:
        """The file as one line of text; empty where it would be too long to travel along."""
        packed = base64.b64encode(zlib.compress(self.data)).decode()
        return packed if len(packed) <= CARRIED else ""

    def was_shown(self, request: HttpRequest) -> bool:
        """Whether this is what somebody looked at before they pressed the button."""
        return text(request.POST, "shown") == self.digest


def chosen(request: HttpRequest) -> Chosen | None:
    """The file that was sent, or carried along from the first step; None where there is neither."""
    file = request.FILES.get("file")
    if file is not None:
        return Chosen(name=(file.name or "")[:NAME], data=file.read(MAX_BYTES + 1))
    data = _unpacked(request.POST.get("carried", ""))
    return None if data is None else Chosen(name=text(request.POST, "name")[:NAME], data=data)


def _unpacked(carried: str) -> bytes | None:
    """At most one byte more than a specification may have, whatever somebody packed."""
    if not 0 < len(carried) <= CARRIED:
        return None
    try:
        return zlib.decompressobj().decompress(base64.b64decode(carried, validate=True), MAX_BYTES + 1)
    except (ValueError, zlib.error):
        return None
