"""Reads of what was observed, as plain data."""

from migrator.observations.queries.arrivals import Lag, SourceFigures, lag, sources
from migrator.observations.queries.bare import bare_evidence
from migrator.observations.queries.causes import CauseRow, Mark, Wanted, count_by_status, leaders, mismatches, rows_of
from migrator.observations.queries.details import (
    Cause,
    Kindred,
    SampleFigures,
    Suggestion,
    cause,
    causes_across_units,
    origins,
    suggestions,
)
from migrator.observations.queries.differences import GroupFigures, groups
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
from migrator.observations.queries.rules import RuleFigures, rule_figures, rules_of

__all__ = [
    "NOTHING_SEEN",
    "Cause",
    "CauseRow",
    "GroupFigures",
    "Kindred",
    "Lag",
    "Mark",
    "Metric",
    "Point",
    "RuleFigures",
    "SampleFigures",
    "SourceFigures",
    "StandingFigures",
    "Suggestion",
    "TooManyPoints",
    "TrafficShare",
    "Wanted",
    "bare_evidence",
    "cause",
    "causes_across_units",
    "count_by_status",
    "evidence_between",
    "evidence_of",
    "groups",
    "lag",
    "leaders",
    "mismatches",
    "origins",
    "rows_of",
    "rule_figures",
    "rules_of",
    "series",
    "sources",
    "standings",
    "suggestions",
    "traffic_series",
    "traffic_share",
    "usual_step",
]
