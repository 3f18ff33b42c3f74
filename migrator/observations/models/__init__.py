"""What data planes saw, as counters, causes and examples; and what people settled about it.

Counters, causes and examples are written by `observations.services` alone, one shard of the report stream at a time.
Rows of counters carry the shard that wrote them, so that workers never wait for each other; whoever reads adds them up.
Rules and what people say about causes are written by `observations.ruling` and `observations.settling`.
"""

from migrator.observations.models.arrivals import DeadLetter, ReportSource, StreamPosition
from migrator.observations.models.builds import SeenBuild
from migrator.observations.models.counters import Arrival, Counters, Replayed, Resolution, Rollup, Standing, Traffic
from migrator.observations.models.groups import (
    OPEN_STATUSES,
    RULED_STATUSES,
    Audience,
    GroupCount,
    GroupNote,
    GroupStatus,
    Illustration,
    Joint,
    KeptSample,
    MismatchGroup,
    SettledAs,
)
from migrator.observations.models.proofs import Scrutinised, SelfCheck
from migrator.observations.models.rules import Rule, RuleHit

__all__ = [
    "OPEN_STATUSES",
    "RULED_STATUSES",
    "Arrival",
    "Audience",
    "Counters",
    "DeadLetter",
    "GroupCount",
    "GroupNote",
    "GroupStatus",
    "Illustration",
    "Joint",
    "KeptSample",
    "MismatchGroup",
    "Replayed",
    "ReportSource",
    "Resolution",
    "Rollup",
    "Rule",
    "RuleHit",
    "Scrutinised",
    "SeenBuild",
    "SelfCheck",
    "SettledAs",
    "Standing",
    "StreamPosition",
    "Traffic",
]
