"""How a project's data planes behave apart from its units. Travels with the routing table."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import msgspec

from migrator.core.measures import Milliseconds, Share


class SubjectSource(StrEnum):
    """Where a request's sticky key is found."""

    NONE = "none"
    HEADER = "header"
    COOKIE = "cookie"
    JWT_CLAIM = "jwt_claim"
    """A claim of the bearer token. Read, not verified: it steers, it does not authorise."""


class Anonymous(StrEnum):
    """What happens to a request without a subject."""

    RANDOM = "random"
    LEGACY = "legacy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a project's data planes behave apart from the units."""

    subject_source: SubjectSource = SubjectSource.NONE
    subject_name: str = ""
    anonymous: Anonymous = Anonymous.RANDOM
    announce_side: bool = False
    """Add `X-Migrator-Served-By` to answers."""
    compared_headers: tuple[str, ...] = ("content-type", "location")
    value_paths: tuple[str, ...] = ()
    """Path shapes whose values may leave the data plane in samples; `$..*` is all of them."""
    candidate_headers_dropped: tuple[str, ...] = ()
    """Request headers that mirrored calls must not carry, such as `cookie`."""
    noise_share: Share = 100
    """Of the mirrored reads, how many are followed by two more to one side, to see whether it agrees with itself."""
    fingerprint: Annotated[str, msgspec.Meta(max_length=500)] = ""
    """Where an answer names the version of its data: `header:etag`, `$.updated_at`. Empty where nowhere."""
    rereads_after_ms: Annotated[tuple[Milliseconds, ...], msgspec.Meta(max_length=3)] = (200, 1_000, 4_000)
    """A mismatch of a read is read again on both sides after these pauses; empty: never."""
    reread_share: Share = 500
    """Of the mirrored requests, how many may be read again."""
    rereads_per_second: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = 10.0
    """Likewise, per worker process."""
    caller_header: str = ""
    """Request header that says who calls, such as `user-agent` or `x-client`: differences are counted by its value."""
    build_header: str = ""
    """Response header in which a side names its build."""
    cost_header: str = ""
    """Response header in which a side counts what the answer cost its database, such as `x-db-queries`."""
