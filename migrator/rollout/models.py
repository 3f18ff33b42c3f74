"""The ledger of flips, and the data planes that obey."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from migrator.core.stages import Direction, Position, Stage
from migrator.core.wire import Version
from migrator.inventory.models import Project, Unit


class Flip(models.Model):
    """One recorded change of one unit: audit and history in one row, never edited, never deleted.

    The database refuses UPDATE and DELETE here, and refuses a unit whose position changed without its flip.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="flips")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="flips")
    at = models.DateTimeField()
    actor = models.CharField(max_length=200)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    via = models.CharField(max_length=20)
    reason = models.CharField(max_length=1_000, blank=True)
    direction = models.CharField(max_length=10, choices=[(d.value, d.value) for d in Direction])
    override = models.BooleanField(default=False, help_text="The gate held, and a person with the right went on.")
    from_stage = models.CharField(max_length=20)
    from_candidate_bp = models.PositiveSmallIntegerField()
    from_mirror_bp = models.PositiveSmallIntegerField()
    to_stage = models.CharField(max_length=20)
    to_candidate_bp = models.PositiveSmallIntegerField()
    to_mirror_bp = models.PositiveSmallIntegerField()
    unit_version = models.PositiveIntegerField(help_text="The unit's version that this flip made.")
    epoch = models.PositiveIntegerField()
    version = models.PositiveBigIntegerField(help_text="The routing table that carries this flip.")
    evidence = models.JSONField(default=dict, help_text="What was known at that moment.")

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["unit", "unit_version"], name="one_flip_per_unit_version"),
        ]
        indexes: ClassVar = [
            # Read by the ledger page: newest first.
            models.Index(fields=["project", "-id"], name="flip_ledger"),
            # Read by the burn-up: stages over time, without touching the rows. Flips of shares alone stay out.
            models.Index(
                fields=["project", "at"],
                include=["unit", "from_stage", "to_stage"],
                condition=~models.Q(from_stage=models.F("to_stage")),
                name="flip_stage_history",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.unit}: {self.from_stage} {self.from_candidate_bp} -> {self.to_stage} {self.to_candidate_bp}"

    @property
    def before(self) -> Position:
        return Position(stage=Stage(self.from_stage), candidate=self.from_candidate_bp, mirror=self.from_mirror_bp)

    @property
    def after(self) -> Position:
        return Position(stage=Stage(self.to_stage), candidate=self.to_candidate_bp, mirror=self.to_mirror_bp)


class DataPlane(models.Model):
    """A process that obeys routing tables: a gateway's worker, an SDK, an Envoy."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="data_planes")
    source = models.CharField(max_length=200)
    kind = models.CharField(max_length=50)
    boot = models.CharField(max_length=200)
    applied_epoch = models.PositiveIntegerField(default=0)
    applied_number = models.PositiveBigIntegerField(default=0)
    forced_legacy = models.BooleanField(default=False, help_text="Its own switch holds it at legacy.")
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["source"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "source"], name="data_plane_once_per_project"),
        ]

    def __str__(self) -> str:
        return self.source

    @property
    def applied(self) -> Version:
        return Version(epoch=self.applied_epoch, number=self.applied_number)
