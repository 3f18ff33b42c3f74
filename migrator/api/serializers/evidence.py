"""What was observed of a unit, as JSON. Rates and shares are fractions, latencies milliseconds."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from rest_framework import serializers

from migrator.api.schema import GateSerializer
from migrator.api.times import EARLIEST, LATEST
from migrator.core.gate import Evidence, Gate, Word
from migrator.core.wire import Outcome, Side
from migrator.gates.queries import Judgement
from migrator.inventory.models import Unit
from migrator.observations.noise import proofs_of
from migrator.observations.queries import GroupFigures, Metric

Json = dict[str, Any]
USUAL_SPAN = timedelta(days=1)
LONGEST_STEP_S = 30 * 86_400


class SpanQuerySerializer(serializers.Serializer[Any]):
    """A time, from one moment until before another."""

    to = serializers.DateTimeField(required=False, help_text="RFC 3339; now where it is left out.")

    def get_fields(self) -> Json:
        # `from` is a word of Python, so it cannot be declared like the others.
        since = serializers.DateTimeField(required=False, help_text="RFC 3339.")
        return {"from": since, **super().get_fields()}

    def validate(self, attrs: Json) -> Json:
        for name, moment in attrs.items():
            if isinstance(moment, datetime) and not EARLIEST <= moment <= LATEST:
                raise serializers.ValidationError({name: f"{name} lies between the years 2000 and 2100."})
        if "from" in attrs and "to" in attrs and attrs["from"] >= attrs["to"]:
            raise serializers.ValidationError({"from": "from lies before to."})
        return attrs

    def span(self, *, now: datetime) -> tuple[datetime, datetime] | None:
        """The time asked for; None where nothing was."""
        asked = self.validated_data
        if not {"from", "to"} & set(asked):
            return None
        end = asked.get("to", now)
        return asked.get("from", end - USUAL_SPAN), end


class SeriesQuerySerializer(SpanQuerySerializer):
    """Which figure, and in what steps."""

    metric = serializers.ChoiceField(choices=[metric.value for metric in Metric])
    step = serializers.IntegerField(
        required=False, min_value=60, max_value=LONGEST_STEP_S, help_text="Seconds; fitted to the time if left out."
    )


class PointSerializer(serializers.Serializer[Any]):
    """One step. A value is null where nothing was seen: that is not zero."""

    at = serializers.DateTimeField(help_text="Where the step begins.")
    value = serializers.FloatField(allow_null=True)
    samples = serializers.IntegerField(help_text="Requests or pairs that the value rests on.")


class SeriesSerializer(serializers.Serializer[Any]):
    """A figure over time. Rates and shares are fractions, latencies milliseconds."""

    unit = serializers.IntegerField()
    metric = serializers.CharField()
    step = serializers.IntegerField(help_text="Seconds.")
    points = PointSerializer(many=True)


class FindingSerializer(serializers.Serializer[Any]):
    """One difference. Values are tokens unless their path is allowed to be shown."""

    path = serializers.CharField()
    shape = serializers.CharField()
    kind = serializers.CharField()
    control = serializers.CharField(allow_null=True)
    candidate = serializers.CharField(allow_null=True)
    pattern = serializers.CharField()


class SampleSerializer(serializers.Serializer[Any]):
    """A kept example of a pair that differed or failed."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    outcome = serializers.ChoiceField(choices=[outcome.value for outcome in Outcome])
    served = serializers.ChoiceField(choices=[side.value for side in Side])
    method = serializers.CharField()
    path = serializers.CharField()
    legacy_status = serializers.IntegerField(allow_null=True)
    candidate_status = serializers.IntegerField(allow_null=True)
    legacy_bytes = serializers.IntegerField(allow_null=True)
    candidate_bytes = serializers.IntegerField(allow_null=True)
    legacy_ms = serializers.FloatField(allow_null=True)
    candidate_ms = serializers.FloatField(allow_null=True)
    error = serializers.CharField(allow_null=True)
    findings = FindingSerializer(many=True)
    truncated = serializers.BooleanField(help_text="More differences were found than a sample keeps.")
    caller = serializers.CharField(allow_null=True, help_text="What the header says that the project names for it.")
    legacy_build = serializers.CharField(allow_null=True)
    candidate_build = serializers.CharField(allow_null=True)


class MismatchGroupSerializer(serializers.Serializer[Any]):
    """Differences of one cause."""

    id = serializers.IntegerField()
    path = serializers.CharField(help_text="With its indexes left open: `$.items[*].price`.")
    kind = serializers.CharField()
    count = serializers.IntegerField(help_text="Pairs of the present evidence that differ like this.")
    total = serializers.IntegerField(help_text="Pairs that ever did.")
    share = serializers.FloatField(allow_null=True, help_text="Of the present evidence's pairs.")
    first_seen = serializers.DateTimeField()
    last_seen = serializers.DateTimeField()
    status = serializers.CharField()
    pattern = serializers.CharField(help_text="What happened to the value: `number → string`.")
    sentence = serializers.CharField(help_text="What differs, and how.")
    paths = serializers.ListField(
        child=serializers.CharField(), help_text="All places of this cause; `path` is the first of them."
    )
    samples = SampleSerializer(many=True)


class MismatchesSerializer(serializers.Serializer[Any]):
    """Mismatch groups, those of the present evidence first, the most frequent first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = MismatchGroupSerializer(many=True)


_GROUP_NAMES = ("id", "path", "kind", "count", "total", "share", "status", "pattern", "sentence", "paths")


def group_json(group: GroupFigures) -> Json:
    """A mismatch group as MismatchGroupSerializer describes it."""
    samples = [asdict(kept.sample) | {"id": kept.id, "at": kept.at} for kept in group.samples]
    named = {name: getattr(group, name) for name in _GROUP_NAMES}
    return named | {"first_seen": group.first_seen_at, "last_seen": group.last_seen_at, "samples": samples}


class LatencySerializer(serializers.Serializer[Any]):
    """Quantiles of one side in milliseconds; null where nothing was measured."""

    p50 = serializers.FloatField(allow_null=True)
    p90 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class WeighedGateSerializer(GateSerializer):
    """A gate with what it rests on."""

    numbers = serializers.DictField(
        child=serializers.FloatField(allow_null=True), help_text="What the reason says, as plain numbers."
    )
    evidence = serializers.CharField(allow_null=True, help_text="Address of what shows it; null where nothing does.")
    eta = serializers.DateTimeField(
        allow_null=True, help_text="When it will be met if traffic and rate stay as they are; null for nobody knows."
    )
    harm = serializers.BooleanField(help_text="Callers are proven to be hurt.")
    advice = serializers.BooleanField(help_text="Shown beside the others, and never decides.")


class EvidenceSerializer(serializers.Serializer[Any]):
    """Evidence of one unit and what it amounts to."""

    unit = serializers.IntegerField()
    evidence_epoch = serializers.IntegerField(help_text="Counts up when evidence starts afresh.")
    since = serializers.DateTimeField(allow_null=True, help_text="When it last started afresh.")
    first_at = serializers.DateTimeField(allow_null=True, help_text="Oldest pair.")
    last_at = serializers.DateTimeField(allow_null=True, help_text="Newest pair.")
    received = serializers.IntegerField(help_text="Requests that data planes saw.")
    outcomes = serializers.DictField(
        child=serializers.IntegerField(), help_text=f"Counts of {', '.join(Outcome)}; together `received`."
    )
    pairs = serializers.IntegerField(help_text="Comparisons that say something about the candidate.")
    mismatches = serializers.IntegerField(help_text="Of those, how many count against it.")
    independent_pairs = serializers.IntegerField(help_text="Pairs where a caller that repeats counts once.")
    independent_mismatches = serializers.IntegerField()
    mismatch_rate = serializers.FloatField(allow_null=True)
    bound = serializers.FloatField(allow_null=True, help_text="What the true rate does not exceed.")
    completeness = serializers.FloatField(allow_null=True, help_text="Observations counted, of those made.")
    served_candidate = serializers.IntegerField(help_text="Requests that the candidate answered.")
    legacy_latency = LatencySerializer()
    candidate_latency = LatencySerializer()
    verdict = serializers.ChoiceField(
        choices=[word.value for word in Word], help_text="Of the present evidence, whatever time was asked for."
    )
    verdict_reason = serializers.CharField()
    proofs = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="How the mismatches of the present evidence were looked into: confirmed, moved, lagged …",
    )
    pairs_missing = serializers.IntegerField(allow_null=True, help_text="Clean independent pairs still needed.")
    eta = serializers.DateTimeField(allow_null=True, help_text="When the evidence will suffice at this traffic.")
    eta_sentence = serializers.CharField(help_text="The same in words, with the ways out where that is never.")
    gates = WeighedGateSerializer(many=True)


def moment(at: float | None) -> datetime | None:
    """Seconds since the epoch as a time in UTC."""
    return None if at is None else datetime.fromtimestamp(at, tz=UTC)


def to_come(at: float | None) -> datetime | None:
    """A moment ahead; None where it lies further away than calendars go."""
    return moment(at) if at is not None and at < LATEST.timestamp() else None


def evidence_json(unit: Unit, judgement: Judgement, evidence: Evidence) -> Json:
    """Evidence, of the present epoch or a part of it, beside the judgement, as EvidenceSerializer describes it."""
    verdict = judgement.verdict
    return {
        "unit": unit.pk,
        "evidence_epoch": unit.evidence_epoch,
        "since": unit.evidence_since,
        "first_at": moment(evidence.first_at),
        "last_at": moment(evidence.last_at),
        "received": evidence.received,
        "outcomes": {outcome.value: evidence.outcomes.get(outcome, 0) for outcome in Outcome},
        "pairs": evidence.pairs,
        "mismatches": evidence.bad,
        "independent_pairs": evidence.independent_pairs,
        "independent_mismatches": evidence.independent_bad,
        "mismatch_rate": evidence.mismatch_rate,
        "bound": evidence.upper_bound(alpha=judgement.policy.alpha),
        "completeness": evidence.completeness,
        "served_candidate": evidence.served_candidate,
        "legacy_latency": evidence.legacy_latency,
        "candidate_latency": evidence.candidate_latency,
        "verdict": verdict.word,
        "verdict_reason": verdict.reason,
        "proofs": {proof.value: count for proof, count in proofs_of(unit=unit).items()},
        "pairs_missing": verdict.pairs_missing,
        "eta": to_come(verdict.eta),
        "eta_sentence": verdict.eta_sentence,
        "gates": [gate_json(unit, gate) for gate in verdict.gates],
    }


def gate_json(unit: Unit, gate: Gate) -> Json:
    """A gate as WeighedGateSerializer describes it."""
    return {
        "name": gate.name,
        "result": gate.result,
        "reason": gate.reason,
        "numbers": gate.numbers,
        "evidence": _shown_at(unit, gate.evidence),
        "eta": to_come(gate.eta),
        "harm": gate.harm,
        "advice": gate.advice,
    }


def _shown_at(unit: Unit, evidence: str) -> str | None:
    """The address of what shows a gate's numbers: `series:share` is that series of the unit."""
    name, _, metric = evidence.partition(":")
    if name == "series" and metric in list(Metric):
        return f"/api/v1/units/{unit.pk}/series/?metric={metric}"
    template = _PLACES.get(name)
    return template.format(unit=unit.pk, slug=unit.project.slug) if template else None


_PLACES = {
    "mismatches": "/api/v1/units/{unit}/mismatches/",
    "latency": "/api/v1/units/{unit}/series/?metric=latency_p99",
    "arrivals": "/api/v1/projects/{slug}/data-planes/",
    "deploys": "/api/v1/projects/{slug}/deploys/",
}
