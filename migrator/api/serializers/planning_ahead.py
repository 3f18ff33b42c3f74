"""What lies ahead as JSON: how a plan ends, what another one would bring, and how good forecasts were."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from migrator.api.fields import StrictSerializer, shown
from migrator.api.serializers.planning import IF_SHARED, LENT, DatesSerializer
from migrator.api.serializers.planning_scope import DONE, of_our_days
from migrator.core.queues import Outlook
from migrator.core.stages import Stage
from migrator.core.what_if import RAMP_UP_WEEKS, Move, Ranked, Wish
from migrator.planning.queries import Measure

MOST_PIECES = 50
"""Pieces of the critical path that an answer names."""


class PlanQuerySerializer(serializers.Serializer[Any]):
    """Which plan is looked at."""

    phase = serializers.CharField(required=False, default="", allow_blank=True, help_text="A phase's name.")
    by = serializers.ChoiceField(choices=[each.value for each in Measure], default=Measure.UNITS.value)
    done = serializers.ChoiceField(choices=DONE, default=Stage.CUTOVER.value, help_text="What is done.")

    def validate_phase(self, value: str) -> str:
        if value and not self.context["project"].phases.filter(name=value).exists():
            raise serializers.ValidationError(f"phase: there is no phase {shown(value)} here.")
        return value

    @property
    def asked(self) -> dict[str, Any]:
        data = self.validated_data
        return {"phase": data["phase"], "measure": Measure(data["by"]), "done_stage": Stage(data["done"])}


class OutlookQuerySerializer(PlanQuerySerializer):
    people = serializers.FloatField(
        default=1.0, min_value=0.1, max_value=1_000, help_text="How many people each of the ranked moves takes."
    )


class TeamAheadSerializer(serializers.Serializer[Any]):
    """One team's part in the end."""

    team = serializers.CharField()
    left = serializers.FloatField()
    people = serializers.FloatField(allow_null=True, help_text="Null where nobody said.")
    p50 = serializers.DateField(allow_null=True)
    p85 = serializers.DateField(allow_null=True)
    due = serializers.DateField(allow_null=True, help_text="Its mini-deadline: what keeps the deadline in 85 of 100.")
    critical = serializers.FloatField(help_text="How often the end hangs on it, a fraction.")
    stuck = serializers.CharField(allow_blank=True, help_text="Why it never ends.")


class PieceSerializer(serializers.Serializer[Any]):
    piece = serializers.CharField(help_text="A unit's key, or the rest of a team's work.")
    share = serializers.FloatField(help_text="How often the end hangs on it, a fraction.")


class EndSerializer(serializers.Serializer[Any]):
    """How a plan ends: the end of its last team. A day is null where it does not come within ten years."""

    p50 = serializers.DateField(allow_null=True)
    p85 = serializers.DateField(allow_null=True)
    p95 = serializers.DateField(allow_null=True)
    deadline = serializers.DateField(allow_null=True)
    chance = serializers.FloatField(allow_null=True, help_text="Of making the deadline, a fraction; null without one.")
    teams = TeamAheadSerializer(many=True)
    critical_path = PieceSerializer(many=True)


class RankedMoveSerializer(serializers.Serializer[Any]):
    """One move of people, and by how many weeks the 85 % date comes earlier."""

    giver = serializers.CharField()
    taker = serializers.CharField()
    people = serializers.FloatField()
    gained_weeks = serializers.FloatField()
    chance = serializers.FloatField(allow_null=True)


class PromiseSerializer(serializers.Serializer[Any]):
    """A deadline or a milestone, and how likely it is kept."""

    kind = serializers.CharField(help_text="`project`, `phase` or `milestone`: whose deadline it is.")
    id = serializers.IntegerField()
    name = serializers.CharField()
    due = serializers.DateField()
    scope = serializers.FloatField(help_text="So many units must be done.")
    done = serializers.FloatField()
    chance = serializers.FloatField(allow_null=True)
    reason = serializers.CharField(allow_blank=True, help_text="Why nothing can be said of its chance.")


class OutlookSerializer(EndSerializer):
    """Today's plan, what was promised, and the moves that help most."""

    promises = PromiseSerializer(many=True)
    best_moves = RankedMoveSerializer(many=True)
    if_shared = DatesSerializer(allow_null=True, help_text=IF_SHARED)
    lent = serializers.ListField(child=serializers.CharField(), help_text=LENT)
    ring = serializers.CharField(allow_blank=True, help_text="Units that need each other in a ring: nothing ends then.")


class MoveSerializer(StrictSerializer):
    giver = serializers.CharField(max_length=100, help_text="A team's name.")
    taker = serializers.CharField(max_length=100)
    people = serializers.FloatField(default=1.0)


class WhatIfRequestSerializer(StrictSerializer, PlanQuerySerializer):
    """What could be otherwise. Nothing is changed by asking."""

    moves = MoveSerializer(many=True, required=False, default=list)
    cut = serializers.DictField(
        child=serializers.FloatField(), required=False, default=dict, help_text="Work taken away, by the team's name."
    )
    ramp_up_weeks = serializers.IntegerField(
        default=RAMP_UP_WEEKS, min_value=0, max_value=52, help_text="So long newcomers bring less than a person."
    )
    deadline = serializers.DateField(
        required=False, allow_null=True, default=None, validators=[of_our_days], help_text="Another deadline."
    )

    def validate_moves(self, value: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        if len(value) > 20:
            raise serializers.ValidationError("moves: at most 20.")
        return value

    @property
    def wish(self) -> Wish:
        data = self.validated_data
        moves = tuple(Move(**move) for move in data["moves"])
        return Wish(moves=moves, cut=data["cut"], ramp_up_weeks=data["ramp_up_weeks"])


class WhatIfSerializer(serializers.Serializer[Any]):
    """The answer beside today's."""

    today = EndSerializer()
    then = EndSerializer()
    gained_days = serializers.IntegerField(
        allow_null=True, help_text="So much earlier is the 85 % date; null where one of the two never comes."
    )


class PastForecastSerializer(serializers.Serializer[Any]):
    """What was forecast on one day, and whether it held: null while nobody knows."""

    day = serializers.DateField()
    scope = serializers.IntegerField()
    done = serializers.IntegerField()
    p50 = serializers.DateField(allow_null=True)
    p85 = serializers.DateField(allow_null=True)
    p95 = serializers.DateField(allow_null=True)
    chance = serializers.FloatField(allow_null=True)
    held = serializers.BooleanField(allow_null=True)


class ForecastRecordSerializer(serializers.Serializer[Any]):
    """How good forecasts were, newest first."""

    ended = serializers.DateField(allow_null=True)
    judged = serializers.IntegerField(help_text="Forecasts of which it is known whether they held.")
    coverage = serializers.FloatField(allow_null=True, help_text="Share of those whose 85 % date held.")
    forecasts = PastForecastSerializer(source="kept", many=True)


class ScopeStepSerializer(serializers.Serializer[Any]):
    """Units that came into scope or left it, with who and why."""

    at = serializers.DateTimeField()
    added = serializers.IntegerField()
    gone = serializers.IntegerField()
    who = serializers.CharField(allow_blank=True)
    why = serializers.CharField(allow_blank=True)
    link = serializers.IntegerField(allow_null=True, help_text="Number of the ledger's link.")


class PinSerializer(serializers.Serializer[Any]):
    """Something that moved many units, or kept them from moving."""

    at = serializers.DateTimeField()
    kind = serializers.CharField()
    headline = serializers.CharField()
    who = serializers.CharField()
    why = serializers.CharField(allow_blank=True)
    units = serializers.IntegerField()
    link = serializers.IntegerField()


class PinsSerializer(serializers.Serializer[Any]):
    """What stands along the time axis, oldest first: at most two hundred of each."""

    scope = ScopeStepSerializer(many=True)
    events = PinSerializer(many=True)


def end_json(found: Outlook, *, deadline: Any, people: Mapping[str, float]) -> dict[str, Any]:
    teams = [
        {
            "team": team.team,
            "left": team.left,
            "people": people.get(team.team),
            "p50": team.p50,
            "p85": team.p85,
            "due": team.due,
            "critical": team.critical,
            "stuck": team.stuck,
        }
        for team in found.teams
    ]
    return {
        "p50": found.p50,
        "p85": found.p85,
        "p95": found.p95,
        "deadline": deadline,
        "chance": found.chance(deadline) if deadline else None,
        "teams": teams,
        "critical_path": [{"piece": piece, "share": share} for piece, share in found.critical[:MOST_PIECES]],
    }


def ranked_json(ranked: Ranked) -> dict[str, Any]:
    return {
        "giver": ranked.move.giver,
        "taker": ranked.move.taker,
        "people": ranked.move.people,
        "gained_weeks": round(ranked.gained_weeks, 2),
        "chance": ranked.chance,
    }
