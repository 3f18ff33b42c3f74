"""Reads of what was observed, as plain data."""

from migrator.observations.queries.arrivals import Lag, SourceFigures, lag, sources
from migrator.observations.queries.differences import GroupFigures, SampleFigures, groups
from migrator.observations.queries.evidence import NOTHING_SEEN, StandingFigures, evidence_of, standings
from migrator.observations.queries.history import (
    Metric,
    Point,
    TooManyPoints,
    TrafficShare,
    evidence_between,
    series,
    traffic_series,
    traffic_share,
    usual_step,
)

__all__ = [
    "NOTHING_SEEN",
    "GroupFigures",
    "Lag",
    "Metric",
    "Point",
    "SampleFigures",
    "SourceFigures",
    "StandingFigures",
    "TooManyPoints",
    "TrafficShare",
    "evidence_between",
    "evidence_of",
    "groups",
    "lag",
    "series",
    "sources",
    "standings",
    "traffic_series",
    "traffic_share",
    "usual_step",
]
