"""The burndown as JSON."""

from datetime import date
from typing import Any

from rest_framework import serializers

from migrator.api.fields import shown
from migrator.core.forecast import Forecast
from migrator.core.stages import LADDER, Stage
from migrator.inventory.models import Kind
from migrator.planning.models import DONE_STAGES
from migrator.planning.queries import Measure, Prospect, Slice, Tagged, TrafficDay

MAX_DAYS = 3_700
BY = ("units", "traffic", "effort")


class BurndownQuerySerializer(serializers.Serializer[Any]):
    """What to count, of which units."""

    by = serializers.ChoiceField(choices=BY, default="units")
    team = serializers.CharField(required=False, default="")
    service = serializers.CharField(required=False, default="")
    kind = serializers.ChoiceField(choices=Kind.choices, required=False, default="")
    days = serializers.IntegerField(default=90, min_value=1, max_value=MAX_DAYS, help_text="How far back.")
    phase = serializers.CharField(required=False, default="", help_text="A phase's name.")
    done = serializers.ChoiceField(
        choices=[stage.value for stage in DONE_STAGES], default=Stage.CUTOVER.value, help_text="What is done."
    )
    tagged = serializers.ChoiceField(
        choices=[each.value for each in Tagged],
        default=Tagged.NOW.value,
        help_text="Whose a unit is that changed team or service: as today, or as on each day.",
    )

    def validate_phase(self, value: str) -> str:
        if value and not self.context["project"].phases.filter(name=value).exists():
            raise serializers.ValidationError(f"phase: there is no phase {shown(value)} here.")
        return value

    @property
    def measure(self) -> Measure:
        return Measure.EFFORT if self.validated_data["by"] == "effort" else Measure.UNITS

    def of_units(self) -> Slice:
        names = ("service", "team", "kind", "phase")
        data = self.validated_data
        return Slice(**{name: data[name] for name in names}, tagged=Tagged(data["tagged"]))


class DaySerializer(serializers.Serializer[Any]):
    """One day. Counted by units: scope, moved and stages; by traffic: received, served_candidate and share."""

    date = serializers.DateField()
    scope = serializers.FloatField(required=False, help_text="Units, or points of effort, at the end of the day.")
    moved = serializers.FloatField(required=False, help_text="Of those, in cutover or beyond.")
    done = serializers.FloatField(required=False, help_text="Of those, done as the query takes it.")
    added = serializers.FloatField(required=False, help_text="Scope that came on this day.")
    gone = serializers.FloatField(required=False, help_text="Scope that went.")
    stages = serializers.DictField(child=serializers.FloatField(), required=False, help_text="Count per stage.")
    received = serializers.IntegerField(required=False, help_text="Requests of the day.")
    served_candidate = serializers.IntegerField(required=False)
    share = serializers.FloatField(required=False, allow_null=True, help_text="A fraction; null without requests.")


IF_SHARED = (
    "The end if everybody worked on whatever is left, instead of each team on its own. Null where that is no other"
    " question (fewer than two teams have something left) and where it cannot be said."
)
LENT = (
    "Teams that finished too little to have a pace of their own: they are taken to work at the mean of the others'."
    " `(no team)` is the work that no team owns."
)


class DatesSerializer(serializers.Serializer[Any]):
    """Dates by which all is done, with 50, 85 and 95 % certainty."""

    p50 = serializers.DateField(allow_null=True, help_text="Null where it does not end within ten years.")
    p85 = serializers.DateField(allow_null=True)
    p95 = serializers.DateField(allow_null=True)
    chance = serializers.FloatField(allow_null=True, help_text="Of making the deadline, a fraction; null without one.")


class ForecastSerializer(DatesSerializer):
    """The end of the last team: dates by which all is done, with 50, 85 and 95 % certainty."""

    weeks_used = serializers.IntegerField(help_text="Whole weeks of the past that it is drawn from.")


class BurndownSerializer(serializers.Serializer[Any]):
    """How far a project has come, day by day (UTC)."""

    by = serializers.ChoiceField(choices=BY)
    deadline = serializers.DateField(allow_null=True)
    days = DaySerializer(many=True)
    done_stage = serializers.CharField(required=False, help_text="What is done: this stage and those after it.")
    left = serializers.FloatField(required=False, help_text="What is not done.")
    pace = serializers.FloatField(required=False, allow_null=True, help_text="Units moved a week, lately.")
    pace_needed = serializers.FloatField(
        required=False, allow_null=True, help_text="Units a week that the deadline asks for."
    )
    forecast = ForecastSerializer(allow_null=True)
    forecast_reason = serializers.CharField(allow_null=True, help_text="Why there is no forecast.")
    if_shared = DatesSerializer(allow_null=True, help_text=IF_SHARED)
    lent = serializers.ListField(child=serializers.CharField(), help_text=LENT)


def by_units(seen: Prospect, *, days: int) -> dict[str, Any]:
    found, shared = seen.found.last(days), seen.if_shared
    columns = zip(found.days, found.scope, found.moved, found.done, found.added, found.gone, strict=True)
    return {
        "by": found.measure,
        "deadline": found.deadline,
        "days": [
            {
                "date": day,
                "scope": scope,
                "moved": moved,
                "done": done,
                "added": added,
                "gone": gone,
                "stages": {rung.stage.value: found.counts[rung.stage][index] for rung in LADDER},
            }
            for index, (day, scope, moved, done, added, gone) in enumerate(columns)
        ],
        "done_stage": found.done_stage,
        "left": found.left,
        "pace": found.pace,
        "pace_needed": found.pace_needed,
        "forecast": _forecast(seen),
        "forecast_reason": seen.reason or None,
        "if_shared": dates_json(shared, deadline=found.deadline) if shared else None,
        "lent": sorted(seen.lent),
    }


def _forecast(seen: Prospect) -> dict[str, Any] | None:
    made = seen.forecast
    if not isinstance(made, Forecast):
        return None
    return dates_json(made, deadline=seen.found.deadline) | {"weeks_used": made.weeks_used}


def dates_json(made: Forecast, *, deadline: date | None) -> dict[str, Any]:
    chance = made.chance(deadline) if deadline else None
    return {"p50": made.p50, "p85": made.p85, "p95": made.p95, "chance": chance}


def by_traffic(found: list[TrafficDay], deadline: Any) -> dict[str, Any]:
    return {
        "by": "traffic",
        "deadline": deadline,
        "days": [
            {
                "date": seen.day,
                "received": seen.received,
                "served_candidate": seen.served_candidate,
                "share": seen.share,
            }
            for seen in found
        ],
        "forecast": None,
        "forecast_reason": "A share of traffic is not forecast: one flip can move all of it. Ask by units.",
        "if_shared": None,
        "lent": [],
    }
