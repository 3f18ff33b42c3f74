"""By which names code may refer to a unit."""

from collections.abc import Sequence
from typing import Final

from xxhash import xxh64_intdigest

from migrator.inventory.models import Unit

_SIGN: Final = 2**63


def fingerprint(*, key: str, aliases: Sequence[str]) -> int:
    """A unit's names as 64 bits with a sign, as a column holds them. A scan that did not know all of the names
    did not look for the unit: another alias makes another fingerprint.
    """
    names = "\n".join([key, *sorted(map(str, aliases))])
    return xxh64_intdigest(names.encode("utf-8", "surrogateescape")) - _SIGN


def fingerprint_of(unit: Unit) -> int:
    return fingerprint(key=unit.key, aliases=unit.aliases)
