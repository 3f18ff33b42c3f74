"""Observations as counts, for each unit and each project."""

from typing import ClassVar

from django.db import models

from migrator.core.wire import Outcome
from migrator.inventory.models import Project, Unit
from migrator.observations.fields import HistogramField
from migrator.observations.models.references import loose_reference


class Resolution(models.IntegerChoices):
    """Length of a window in seconds."""

    MINUTE = 60
    HOUR = 3_600
    DAY = 86_400


class Counters(models.Model):
    """Observations of one unit as counts: a column for each outcome."""

    match = models.PositiveBigIntegerField(default=0)
    mismatch = models.PositiveBigIntegerField(default=0)
    accepted = models.PositiveBigIntegerField(default=0)
    incomparable = models.PositiveBigIntegerField(default=0)
    candidate_error = models.PositiveBigIntegerField(default=0)
    legacy_error = models.PositiveBigIntegerField(default=0)
    skipped = models.PositiveBigIntegerField(default=0)
    not_sampled = models.PositiveBigIntegerField(default=0)
    served_candidate = models.PositiveBigIntegerField(default=0)
    legacy_latency = HistogramField(help_text="Buckets of core.tally.")
    candidate_latency = HistogramField()
    subjects = models.BinaryField(
        default=b"", help_text="Sketch (core.tally) of who was compared: callers, or what stands for anonymous ones."
    )
    mismatching_subjects = models.BinaryField(default=b"")
    shapes = models.BinaryField(default=b"", help_text="Sketch of the shapes of the requests among the pairs.")
    callers = models.JSONField(default=dict, help_text="Pairs by kind of caller.")
    legacy_cost = HistogramField(help_text="Calls by what they cost the database: cost buckets of core.histograms.")
    candidate_cost = HistogramField()

    class Meta:
        abstract = True

    @property
    def outcomes(self) -> dict[Outcome, int]:
        return {outcome: getattr(self, outcome) for outcome in Outcome}


class Rollup(Counters):
    """One unit's counters of one window, of one evidence epoch, as one shard saw them.

    Who was compared and what was asked is kept by the hour and the day; nobody asks for it by the minute.
    """

    pk = models.CompositePrimaryKey("unit_id", "resolution", "window_start", "evidence_epoch", "shard")
    unit = loose_reference(Unit)
    resolution = models.PositiveIntegerField(choices=Resolution.choices)
    window_start = models.DateTimeField()
    evidence_epoch = models.PositiveIntegerField()
    shard = models.PositiveSmallIntegerField()

    class Meta:
        indexes: ClassVar = [
            # Read by retention: what is old enough to go. Days stay, so they are not in here.
            models.Index(fields=["window_start"], name="rollup_old_minutes", condition=models.Q(resolution=60)),
            models.Index(fields=["window_start"], name="rollup_old_hours", condition=models.Q(resolution=3_600)),
        ]

    def __str__(self) -> str:
        return f"{self.unit_id} {self.resolution} {self.window_start}"


class Standing(Counters):
    """Where a unit's evidence stands: totals of its present evidence epoch, as one shard saw them.

    What lists of many units and every verdict read. It starts afresh with the first tally of a later epoch;
    readers leave out rows of an epoch that is not the unit's.
    """

    pk = models.CompositePrimaryKey("unit_id", "shard")
    unit = loose_reference(Unit)
    shard = models.PositiveSmallIntegerField()
    evidence_epoch = models.PositiveIntegerField()
    first_at = models.DateTimeField(null=True, help_text="Oldest pair of the epoch.")
    last_at = models.DateTimeField(null=True, help_text="Newest pair of the epoch.")
    last_seen_at = models.DateTimeField(help_text="Newest request of whatever epoch.")

    def __str__(self) -> str:
        return f"{self.unit_id} since epoch {self.evidence_epoch}"


class Replayed(models.Model):
    """Recorded requests sent to both sides again: pairs of one unit and evidence epoch, as one shard saw them.

    A stratum of its own. Nothing of it is in the other counters, nor in mismatch groups.
    """

    pk = models.CompositePrimaryKey("unit_id", "evidence_epoch", "shard")
    unit = loose_reference(Unit)
    evidence_epoch = models.PositiveIntegerField()
    shard = models.PositiveSmallIntegerField()
    pairs = models.PositiveBigIntegerField(default=0)
    bad = models.PositiveBigIntegerField(default=0)
    subjects = models.BinaryField(default=b"", help_text="Sketch, as in Counters.")
    mismatching_subjects = models.BinaryField(default=b"")
    last_at = models.DateTimeField(help_text="Newest pair.")

    class Meta:
        # Read by retention.
        indexes: ClassVar = [models.Index(fields=["last_at"], name="replayed_old")]

    def __str__(self) -> str:
        return f"{self.unit_id} replayed in epoch {self.evidence_epoch}"


class Traffic(models.Model):
    """A project's requests of one window, over all endpoints: what share the candidate answered."""

    pk = models.CompositePrimaryKey("project_id", "resolution", "window_start", "shard")
    project = loose_reference(Project)
    resolution = models.PositiveIntegerField(choices=Resolution.choices)
    window_start = models.DateTimeField()
    shard = models.PositiveSmallIntegerField()
    received = models.PositiveBigIntegerField(default=0)
    served_candidate = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.project_id} {self.resolution} {self.window_start}"


class Arrival(models.Model):
    """How many of a project's observations arrived in one window, by the time of arrival.

    Completeness is (committed + stray) ÷ sent, added up over the time that is asked for.
    """

    pk = models.CompositePrimaryKey("project_id", "resolution", "window_start", "shard")
    project = loose_reference(Project)
    resolution = models.PositiveIntegerField(choices=Resolution.choices)
    window_start = models.DateTimeField()
    shard = models.PositiveSmallIntegerField()
    sent = models.PositiveBigIntegerField(default=0, help_text="Made by data planes, as far as they told.")
    dropped = models.PositiveBigIntegerField(default=0, help_text="Of those, lost to a full spool.")
    committed = models.PositiveBigIntegerField(default=0, help_text="Counted as evidence.")
    stray = models.PositiveBigIntegerField(default=0, help_text="For units that are not tracked here.")
    refused = models.PositiveBigIntegerField(default=0, help_text="With a window or an epoch that cannot be.")
    passed = models.PositiveBigIntegerField(default=0, help_text="Requests that matched no unit.")

    def __str__(self) -> str:
        return f"{self.project_id} {self.resolution} {self.window_start}"
