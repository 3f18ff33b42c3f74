"""The burndown as JSON."""

from typing import Any

from rest_framework import serializers

from migrator.api.fields import shown
from migrator.core.stages import LADDER
from migrator.inventory.models import Kind
from migrator.planning.queries import BurnUp, Slice, TrafficDay

MAX_DAYS = 1_100
BY = ("units", "traffic", "effort")


class BurndownQuerySerializer(serializers.Serializer[Any]):
    """What to count, of which units."""

    by = serializers.ChoiceField(choices=BY, default="units")
    team = serializers.CharField(required=False, default="")
    service = serializers.CharField(required=False, default="")
    kind = serializers.ChoiceField(choices=Kind.choices, required=False, default="")
    days = serializers.IntegerField(default=90, min_value=1, max_value=MAX_DAYS, help_text="How far back.")
    phase = serializers.CharField(required=False, help_text="Refused: no phases are kept yet.")

    def validate_by(self, value: str) -> str:
        if value == "effort":
            raise serializers.ValidationError("by=effort: nobody recorded efforts here. Ask by units or by traffic.")
        return value

    def validate_phase(self, value: str) -> str:
        raise serializers.ValidationError(f"phase: there is no phase {shown(value)} here. Filter by team or service.")

    def of_units(self) -> Slice:
        data = self.validated_data
        return Slice(service=data["service"], team=data["team"], kind=data["kind"])


class DaySerializer(serializers.Serializer[Any]):
    """One day. Counted by units: scope, moved and stages; by traffic: received, served_candidate and share."""

    date = serializers.DateField()
    scope = serializers.IntegerField(required=False, help_text="Units tracked at the end of the day.")
    moved = serializers.IntegerField(required=False, help_text="Of those, in cutover or beyond.")
    stages = serializers.DictField(child=serializers.IntegerField(), required=False, help_text="Count per stage.")
    received = serializers.IntegerField(required=False, help_text="Requests of the day.")
    served_candidate = serializers.IntegerField(required=False)
    share = serializers.FloatField(required=False, allow_null=True, help_text="A fraction; null without requests.")


class ForecastSerializer(serializers.Serializer[Any]):
    """Dates by which all is moved, with 50, 85 and 95 % certainty."""

    p50 = serializers.DateField()
    p85 = serializers.DateField()
    p95 = serializers.DateField()


class BurndownSerializer(serializers.Serializer[Any]):
    """How far a project has come, day by day (UTC)."""

    by = serializers.ChoiceField(choices=BY)
    deadline = serializers.DateField(allow_null=True)
    days = DaySerializer(many=True)
    left = serializers.IntegerField(required=False, help_text="Units that legacy still answers.")
    pace = serializers.FloatField(required=False, allow_null=True, help_text="Units moved a week, lately.")
    pace_needed = serializers.FloatField(
        required=False, allow_null=True, help_text="Units a week that the deadline asks for."
    )
    forecast = ForecastSerializer(allow_null=True)
    forecast_reason = serializers.CharField(allow_null=True, help_text="Why there is no forecast.")


def by_units(found: BurnUp) -> dict[str, Any]:
    return {
        "by": "units",
        "deadline": found.deadline,
        "days": [
            {
                "date": day,
                "scope": scope,
                "moved": moved,
                "stages": {rung.stage.value: found.counts[rung.stage][index] for rung in LADDER},
            }
            for index, (day, scope, moved) in enumerate(zip(found.days, found.scope, found.moved, strict=True))
        ],
        "left": found.left,
        "pace": found.pace,
        "pace_needed": found.pace_needed,
        "forecast": None,
        "forecast_reason": found.no_forecast,
    }


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
    }
