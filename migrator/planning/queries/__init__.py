"""Reads of the plan and of how far it is, as plain data."""

from migrator.planning.queries.burn_up import MOVED, BurnUp, burn_up
from migrator.planning.queries.flow import Dwell, Stuck, oldest_stuck, time_in_stage
from migrator.planning.queries.forecasts import Kept, Prospect, Record, prospect, record
from migrator.planning.queries.plans import plan_of
from migrator.planning.queries.slices import Measure, Slice, Tagged
from migrator.planning.queries.traffic import TrafficDay, traffic

__all__ = [
    "MOVED",
    "BurnUp",
    "Dwell",
    "Kept",
    "Measure",
    "Prospect",
    "Record",
    "Slice",
    "Stuck",
    "Tagged",
    "TrafficDay",
    "burn_up",
    "oldest_stuck",
    "plan_of",
    "prospect",
    "record",
    "time_in_stage",
    "traffic",
]
