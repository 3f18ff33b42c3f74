"""Removal's proof as JSON: its parts, the repositories, what scans found, what was torn down."""

from typing import Any

from rest_framework import serializers

from migrator.api.fields import StrictSerializer
from migrator.core.gate import Pass
from migrator.core.stages import Stage
from migrator.removal.queries import Case

MOST_UNITS = 200_000
MOST_REFERENCES = 20_000


class ProofPartSerializer(serializers.Serializer[Any]):
    """One part of the proof."""

    name = serializers.CharField()
    result = serializers.ChoiceField(choices=[each.value for each in Pass])
    reason = serializers.CharField(source="sentence")
    link = serializers.CharField(help_text="The page where to look, or to act.")


class RemovalCaseSerializer(serializers.Serializer[Any]):
    """A unit that is being taken out of legacy, or was, with what is proven."""

    id = serializers.IntegerField(source="unit.pk")
    key = serializers.CharField(source="unit.key")
    service = serializers.CharField(source="service.name")
    stage = serializers.ChoiceField(choices=[stage.value for stage in Stage], source="unit.stage")
    version = serializers.IntegerField(source="unit.version")
    complete = serializers.BooleanField(source="proof.complete")
    reason = serializers.CharField(source="proof.sentence")
    parts = ProofPartSerializer(source="proof.parts", many=True)
    quiet_days = serializers.IntegerField(source="quiet.days")
    days_needed = serializers.IntegerField(source="quiet.days_needed")
    last_legacy_call_at = serializers.DateTimeField(source="quiet.last_call_at", allow_null=True)
    references = serializers.IntegerField(source="sighting.total", help_text="Lines that the newest scans found.")
    legacy_deployed = serializers.BooleanField(source="service.legacy_deployed")
    reopened = serializers.SerializerMethodField(help_text="Why a removed unit is open again; null where it is not.")

    def get_reopened(self, case: Case) -> str | None:
        why: dict[int, str] = self.context.get("reopened", {})
        return why.get(case.unit.pk)


class ChecklistItemSerializer(serializers.Serializer[Any]):
    """Something outside our sight that a person says is gone."""

    what = serializers.CharField(source="item.what")
    sentence = serializers.CharField(source="item.sentence")
    of_service = serializers.BooleanField(source="item.of_service", help_text="Said once for all units of the service.")
    done_by = serializers.CharField(allow_blank=True)
    done_at = serializers.DateTimeField(allow_null=True)


class ChecklistSerializer(serializers.Serializer[Any]):
    """A unit's proof with its checklist."""

    proof = RemovalCaseSerializer(source="*")
    items = ChecklistItemSerializer(source="gear.ticks", many=True)


class TearDownBodySerializer(StrictSerializer):
    """A person's word."""

    what = serializers.CharField(max_length=40, help_text="An item of the unit's checklist.")
    done = serializers.BooleanField(default=True, help_text="False takes the word back.")


class RepositorySerializer(StrictSerializer):
    """Code that may refer to legacy. A second call with the same name changes what is said of it."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=200)
    url = serializers.URLField(max_length=500, required=False, allow_blank=True, default="")
    branch = serializers.CharField(max_length=200, required=False, default="main")
    required = serializers.BooleanField(  # type: ignore[assignment]
        required=False, default=True, help_text="Removal waits for a scan of it."
    )
    created_at = serializers.DateTimeField(read_only=True)


class ReferenceSerializer(StrictSerializer):
    """A line of code that names a unit."""

    unit = serializers.IntegerField(source="unit_id", min_value=1, max_value=2**63 - 1)
    path = serializers.CharField(max_length=4_096, trim_whitespace=False)
    line = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    excerpt = serializers.CharField(max_length=200, allow_blank=True, trim_whitespace=False)
    alias = serializers.CharField(max_length=500, trim_whitespace=False)


class ScanSerializer(serializers.Serializer[Any]):
    """One look through one commit."""

    id = serializers.IntegerField()
    repository = serializers.CharField(source="repository.name")
    commit = serializers.CharField()
    branch = serializers.CharField()
    dirty = serializers.BooleanField()
    counts = serializers.SerializerMethodField(help_text="It is of the registered branch, and of what is committed.")
    at = serializers.DateTimeField()
    reporter = serializers.CharField()
    files = serializers.IntegerField()
    seconds = serializers.FloatField()
    patterns = serializers.IntegerField()
    found = serializers.IntegerField()

    def get_counts(self, scan: Any) -> bool:
        return bool(scan.branch == scan.repository.branch and not scan.dirty)


class NewScanSerializer(StrictSerializer):
    """What a scan reports."""

    repository = serializers.CharField(max_length=200)
    commit = serializers.RegexField(r"^[0-9A-Za-z._/-]+$", max_length=100)
    branch = serializers.CharField(
        max_length=200, required=False, allow_blank=True, default="", help_text="Left out: the registered one."
    )
    dirty = serializers.BooleanField(default=False)
    files = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    seconds = serializers.FloatField(min_value=0, max_value=1e9)
    patterns = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    found = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    looked_for = serializers.ListField(
        child=serializers.RegexField(r"^-?[0-9]{1,19}$"), max_length=MOST_UNITS, help_text="Fingerprints of the units."
    )
    references = ReferenceSerializer(many=True)

    def validate_references(self, references: list[Any]) -> list[Any]:
        if len(references) > MOST_REFERENCES:
            raise serializers.ValidationError(f"references holds at most {MOST_REFERENCES:,} lines.")
        return references

    def validate_looked_for(self, prints: list[str]) -> list[int]:
        numbers = [int(each) for each in prints]
        if any(not -(2**63) <= each < 2**63 for each in numbers):
            raise serializers.ValidationError("looked_for holds fingerprints as `wanted` gives them.")
        return numbers


class WantedUnitSerializer(serializers.Serializer[Any]):
    """A unit that scans look for, with all of its names."""

    unit = serializers.IntegerField(source="pk")
    key = serializers.CharField()
    kind = serializers.CharField()
    aliases = serializers.ListField(child=serializers.CharField())
    fingerprint = serializers.SerializerMethodField(help_text="Of its names. A scan says which ones it looked for.")

    def get_fingerprint(self, unit: Any) -> str:
        return str(self.context["fingerprint"](unit))
