"""Reads of the plan and of how far it is, as plain data."""

from migrator.planning.queries.burn_up import MOVED, BurnUp, burn_up
from migrator.planning.queries.flow import Dwell, Stuck, oldest_stuck, time_in_stage
from migrator.planning.queries.forecasts import Kept, Prospect, Record, if_shared, prospect, record
from migrator.planning.queries.pins import Pin, ScopeStep, events, scope_changes
from migrator.planning.queries.plans import plan_of
from migrator.planning.queries.promises import Promise, promises
from migrator.planning.queries.rings import ring
from migrator.planning.queries.slices import Measure, Slice, Tagged
from migrator.planning.queries.traffic import TrafficDay, traffic
from migrator.planning.queries.what_ifs import Comparison, Standing, compare, deadline_of, moves, standing

__all__ = [
    "MOVED",
    "BurnUp",
    "Comparison",
    "Dwell",
    "Kept",
    "Measure",
    "Pin",
    "Promise",
    "Prospect",
    "Record",
    "ScopeStep",
    "Slice",
    "Standing",
    "Stuck",
    "Tagged",
    "TrafficDay",
    "burn_up",
    "compare",
    "deadline_of",
    "events",
    "if_shared",
    "moves",
    "oldest_stuck",
    "plan_of",
    "promises",
    "prospect",
    "record",
    "ring",
    "scope_changes",
    "standing",
    "time_in_stage",
    "traffic",
]
