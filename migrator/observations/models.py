"""What data planes saw, as counters, causes and examples.

Written by `observations.services` alone, one shard of the report stream at a time. Rows of counters carry
the shard that wrote them, so that workers never wait for each other; whoever reads adds them up.

References to units and projects are not enforced by the database: to check one, PostgreSQL locks the
row that it points to until the batch is committed, and a flip would have to wait for the drain.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from migrator.core.wire import Outcome
from migrator.inventory.models import Project, Unit
from migrator.observations.fields import HistogramField


class Resolution(models.IntegerChoices):
    """Length of a window in seconds."""

    MINUTE = 60
    HOUR = 3_600
    DAY = 86_400


def loose_reference(model: type[models.Model]) -> "models.ForeignKey[models.Model, models.Model]":
    """A foreign key that the ORM knows and the database does not check. See the top of this module."""
    return models.ForeignKey(model, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+")


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
    subjects = models.BinaryField(default=b"", help_text="Sketch (core.tally) of distinct callers among the pairs.")
    mismatching_subjects = models.BinaryField(default=b"")

    class Meta:
        abstract = True

    @property
    def outcomes(self) -> dict[Outcome, int]:
        return {outcome: getattr(self, outcome) for outcome in Outcome}


class Rollup(Counters):
    """One unit's counters of one window, of one evidence epoch, as one shard saw them.

    Sketches of callers are kept by the hour and the day; nobody asks for them by the minute.
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


class ReportSource(models.Model):
    """One run of one data plane process: which of its reports are counted, and what it says it sent.

    `committed_seq` and `ahead` together say which sequence numbers are in: everything up to the first, and
    those of the second. So a report counts once, however often it comes.
    """

    project = loose_reference(Project)
    source = models.CharField(max_length=200)
    boot = models.CharField(max_length=200)
    kind = models.CharField(max_length=200)
    committed_seq = models.PositiveBigIntegerField(default=0)
    ahead = ArrayField(models.BigIntegerField(), default=list, help_text="Counted beyond a gap, in order.")
    sent = models.PositiveBigIntegerField(default=0)
    dropped = models.PositiveBigIntegerField(default=0)
    passed = models.PositiveBigIntegerField(default=0)
    committed = models.PositiveBigIntegerField(default=0)
    stray = models.PositiveBigIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    repeated = models.PositiveBigIntegerField(default=0, help_text="Reports that came again, or too late.")
    given_up = models.PositiveBigIntegerField(default=0, help_text="Reports that never came.")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "source", "boot"], name="report_source_once"),
        ]
        indexes: ClassVar = [
            # Read by pages: the sources of a project that were heard lately. Retention reads it too.
            models.Index(fields=["project", "last_at"], name="report_source_heard"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.boot}"


class StreamPosition(models.Model):
    """How far one shard of the report stream is folded. Its row is the shard's lock."""

    shard = models.PositiveSmallIntegerField(primary_key=True)
    last_id = models.CharField(max_length=50, default="0-0")

    def __str__(self) -> str:
        return f"{self.shard}: {self.last_id}"


class DeadLetter(models.Model):
    """An entry of the stream that could not be folded, kept for a person to look at."""

    shard = models.PositiveSmallIntegerField()
    entry_id = models.CharField(max_length=50)
    reason = models.CharField(max_length=2_000)
    payload = models.BinaryField()
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-at"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["shard", "entry_id"], name="dead_letter_once")]

    def __str__(self) -> str:
        return f"{self.shard} {self.entry_id}: {self.reason}"


class GroupStatus(models.TextChoices):
    """What people say about a mismatch group."""

    NEW = "new", "new"


class MismatchGroup(models.Model):
    """Differences of one cause: where in the answer, and of what kind."""

    unit = loose_reference(Unit)
    cause = models.CharField(max_length=32, help_text="Digest of shape and kind: shapes are too long for an index.")
    shape = models.CharField(max_length=2_000)
    kind = models.CharField(max_length=200)
    status = models.CharField(max_length=20, choices=GroupStatus.choices, default=GroupStatus.NEW)
    total = models.PositiveBigIntegerField(default=0, help_text="Pairs that ever differed like this.")
    evidence_epoch = models.PositiveIntegerField(default=0)
    count = models.PositiveBigIntegerField(default=0, help_text="Of those, in that evidence epoch.")
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        # Its index is also what pages read: the groups of one unit.
        constraints: ClassVar = [models.UniqueConstraint(fields=["unit", "cause"], name="mismatch_group_once")]

    def __str__(self) -> str:
        return f"{self.shape} {self.kind}"


class GroupCount(models.Model):
    """A mismatch group by the hour, for its chart."""

    pk = models.CompositePrimaryKey("group_id", "window_start")
    group = models.ForeignKey(MismatchGroup, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    window_start = models.DateTimeField()
    count = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.group_id} {self.window_start}"


class KeptSample(models.Model):
    """An example of a pair that differed or failed. Of alike ones only the newest is kept."""

    unit = loose_reference(Unit)
    alike = models.CharField(max_length=32, help_text="Digest of what makes it different from other samples.")
    at = models.DateTimeField()
    outcome = models.CharField(max_length=20)
    payload = models.TextField(help_text="core.wire.Sample as JSON text, so that what JSONB refuses survives.")
    groups: "models.ManyToManyField[MismatchGroup, Illustration]" = models.ManyToManyField(
        MismatchGroup, through="Illustration", related_name="samples"
    )

    class Meta:
        # Its index is also what pages read: the samples of one unit.
        constraints: ClassVar = [models.UniqueConstraint(fields=["unit", "alike"], name="kept_sample_once")]
        # Read by retention.
        indexes: ClassVar = [models.Index(fields=["at"], name="kept_sample_old")]

    def __str__(self) -> str:
        return f"{self.unit_id} {self.outcome} {self.at}"


class Illustration(models.Model):
    """A sample shown for a mismatch group: the newest few of each group."""

    group = models.ForeignKey(MismatchGroup, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    sample = models.ForeignKey(KeptSample, on_delete=models.CASCADE, db_constraint=False)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["group", "sample"], name="illustration_once")]
        # Read by pages: the newest samples of a group.
        indexes: ClassVar = [models.Index(fields=["group", "-at"], name="illustration_newest")]

    def __str__(self) -> str:
        return f"{self.group_id} {self.sample_id}"
