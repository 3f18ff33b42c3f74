"""Projects and what belongs to them, as JSON."""

from datetime import datetime, timedelta
from typing import Any, Final

from rest_framework import serializers

from migrator.api.fields import RunbookField, StrictSerializer
from migrator.core.wire import Side
from migrator.rollout.models import DataPlane
from migrator.rollout.queries import LIVE_FOR

NAME_LENGTH: Final = 100


class ProjectSerializer(StrictSerializer):
    """A migration programme."""

    slug = serializers.SlugField(max_length=50)
    name = serializers.CharField(max_length=200)
    legacy_name = serializers.CharField(max_length=NAME_LENGTH, default="legacy")
    candidate_name = serializers.CharField(max_length=NAME_LENGTH, default="candidate")
    deadline = serializers.DateField(allow_null=True, default=None)
    manners = serializers.DictField(required=False, help_text="How its data planes behave.")
    policy = serializers.DictField(required=False, help_text="What evidence is demanded before a promotion.")
    simulated = serializers.BooleanField(read_only=True)
    epoch = serializers.IntegerField(read_only=True)
    version = serializers.IntegerField(read_only=True, help_text="Number of its routing table.")
    created_at = serializers.DateTimeField(read_only=True)


class ProjectChangeSerializer(ProjectSerializer):
    """What may change of a project: its slug is part of addresses and stays."""

    slug = serializers.SlugField(read_only=True)
    policy = serializers.DictField(read_only=True, help_text="Changed at `/projects/{slug}/policy/`.")


class TeamSerializer(StrictSerializer):
    """The people who move units."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=NAME_LENGTH)


class ServiceSerializer(StrictSerializer):
    """A pair of running services. Durations in milliseconds."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=NAME_LENGTH)
    legacy_url = serializers.CharField(max_length=500, allow_blank=True, required=False)
    candidate_url = serializers.CharField(max_length=500, allow_blank=True, required=False)
    legacy_deployed = serializers.BooleanField(required=False)
    legacy_timeout_ms = serializers.IntegerField(min_value=1, max_value=86_400_000, required=False)
    candidate_timeout_ms = serializers.IntegerField(min_value=1, max_value=86_400_000, required=False)
    mirror_timeout_ms = serializers.IntegerField(min_value=1, max_value=86_400_000, required=False)
    mirror_concurrency = serializers.IntegerField(min_value=0, max_value=100_000, required=False)
    mirror_body_bytes = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    runbook = RunbookField(
        required=False, help_text="Of its units that name none themselves: an address, or where it lies."
    )


class ServiceChangeSerializer(ServiceSerializer):
    """What may change of a service: units and data planes know it by its name, so that stays."""

    name = serializers.CharField(read_only=True)


class DeploySerializer(StrictSerializer):
    """One side of a service runs another build: evidence starts afresh."""

    service = serializers.CharField(max_length=NAME_LENGTH, source="service.name", help_text="The service's name.")
    side = serializers.ChoiceField(choices=[side.value for side in Side])
    build = serializers.CharField(max_length=200)
    at = serializers.DateTimeField(read_only=True)


class ObservedSerializer(serializers.Serializer[Any]):
    """An endpoint that traffic showed and no unit covers."""

    id = serializers.IntegerField()
    key = serializers.CharField()
    service = serializers.CharField(source="service.name", default=None, allow_null=True)
    count = serializers.IntegerField(help_text="Requests seen so far.")
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()


class TrackSerializer(StrictSerializer):
    """Take an observed endpoint into the backlog."""

    service = serializers.CharField(
        max_length=NAME_LENGTH, required=False, help_text="Needed where traffic did not name one."
    )


class DataPlaneSerializer(serializers.Serializer[DataPlane]):
    """A process that obeys routing tables."""

    id = serializers.IntegerField()
    source = serializers.CharField()  # type: ignore[assignment]
    kind = serializers.CharField()
    version = serializers.CharField(source="applied", help_text="The table it applies, as `epoch.number`.")
    versions_behind = serializers.SerializerMethodField(
        help_text="How far it lags behind what is committed; null where a backup was restored in between."
    )
    live = serializers.SerializerMethodField(help_text="Whether it was heard a moment ago.")
    lag = serializers.SerializerMethodField(help_text="Seconds since it was last heard.")
    forced_legacy = serializers.BooleanField(help_text="Its own switch holds it at legacy.")
    left_out = serializers.ListField(
        child=serializers.CharField(), help_text="Keys of units whose candidate it leaves out: it fails or hangs."
    )
    overrides = serializers.ListField(
        child=serializers.CharField(), help_text="Ids of the signed overrides that it obeys."
    )
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()

    def get_versions_behind(self, plane: DataPlane) -> int | None:
        if plane.applied_epoch != plane.project.epoch:
            return None
        return max(0, plane.project.version - plane.applied_number)

    def get_live(self, plane: DataPlane) -> bool:
        return self._silence(plane) <= LIVE_FOR

    def get_lag(self, plane: DataPlane) -> float:
        return round(max(0.0, self._silence(plane).total_seconds()), 3)

    def _silence(self, plane: DataPlane) -> timedelta:
        now: datetime = self.context["now"]
        return now - plane.last_seen_at
