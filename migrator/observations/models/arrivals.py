"""Which reports came, and how far they are folded."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from migrator.inventory.models import Project
from migrator.observations.models.references import loose_reference


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
