"""In what the two answers differ: causes, what people say about them, and examples."""

from typing import ClassVar, Final

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from migrator.inventory.models import Project, Unit
from migrator.observations.models.references import loose_reference
from migrator.observations.models.rules import Rule


class GroupStatus(models.TextChoices):
    """Where a mismatch group stands with the people who look after it."""

    NEW = "new", "new"
    """Nobody has said anything about it, and it is young."""
    ONGOING = "ongoing", "ongoing"
    """Known and not settled: a bug that is being worked on, or simply no news any more."""
    REGRESSED = "regressed", "regressed"
    """It was settled, and is back: its rule expired or does not cover it any more."""
    ESCALATING = "escalating", "escalating"
    """It was archived, and happens more than twice as often as it did then."""
    ACCEPTED = "accepted", "accepted"
    """A rule says that the candidate is right."""
    ARCHIVED = "archived", "archived"
    """Put aside until it escalates. It still counts as evidence."""
    HIDDEN = "hidden", "settled by a rule"
    """A rule takes it out of the comparison."""


OPEN_STATUSES: Final = (GroupStatus.NEW, GroupStatus.REGRESSED, GroupStatus.ESCALATING, GroupStatus.ONGOING)
"""Statuses that wait for somebody."""
RULED_STATUSES: Final = (GroupStatus.ACCEPTED, GroupStatus.HIDDEN)
"""Statuses that a rule gives."""


class SettledAs(models.TextChoices):
    """What people found a mismatch group to be."""

    NOISE = "noise", "noise"
    RACE = "race", "a race"
    ACCEPTED = "accepted", "accepted"
    BUG = "bug", "a bug"
    ARCHIVED = "archived", "archived"


class MismatchGroup(models.Model):
    """Differences of one place, kind and pattern in the answers of one unit.

    Groups that are one cause (see `observations.clustering`) point to the one that stands for all of them.
    """

    project = loose_reference(Project)
    unit = loose_reference(Unit)
    cause = models.CharField(max_length=32, help_text="Digest of the next three: shapes are too long for an index.")
    shape = models.CharField(max_length=2_000)
    kind = models.CharField(max_length=200)
    pattern = models.CharField(max_length=200, default="", blank=True, help_text="What happened to the value.")
    leader = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, db_constraint=False, db_index=False, related_name="followers"
    )
    status = models.CharField(max_length=20, choices=GroupStatus.choices, default=GroupStatus.NEW)
    raised_at = models.DateTimeField(help_text="When it last was news: first seen, regressed, escalated.")
    settled_as = models.CharField(max_length=20, choices=SettledAs.choices, default="", blank=True)
    settled_epoch = models.PositiveIntegerField(default=0, help_text="Evidence from this epoch on knows its rule.")
    rule = models.ForeignKey(Rule, on_delete=models.SET_NULL, null=True, related_name="groups")
    archived_rate = models.FloatField(null=True, help_text="Pairs a day when it was archived.")
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, db_index=False, related_name="+"
    )
    total = models.PositiveBigIntegerField(default=0, help_text="Pairs that ever differed like this.")
    whole = models.PositiveBigIntegerField(default=0, help_text="Of those, in how many all of the object around did.")
    evidence_epoch = models.PositiveIntegerField(default=0)
    count = models.PositiveBigIntegerField(default=0, help_text="Of the total, in that evidence epoch.")
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    placed = models.BooleanField(default=False, help_text="Clustering has looked at it.")

    class Meta:
        constraints: ClassVar = [
            # Its index is also what pages read: the groups of one unit.
            models.UniqueConstraint(fields=["unit", "cause"], name="mismatch_group_once"),
            models.CheckConstraint(
                condition=models.Q(status__in=GroupStatus.values), name="mismatch_group_status_known"
            ),
            models.CheckConstraint(
                condition=models.Q(settled_as__in=["", *SettledAs.values]), name="mismatch_group_settled_as_known"
            ),
        ]
        indexes: ClassVar = [
            # Read by the list of a project: the causes of one status, news first.
            models.Index(
                fields=["project", "status", "-raised_at", "-id"],
                name="mismatch_causes",
                condition=models.Q(leader__isnull=True),
            ),
            # Read by the list that is filtered by nothing, and by whoever looks for one kind.
            models.Index(
                fields=["project", "-raised_at", "-id"],
                name="mismatch_news",
                condition=models.Q(leader__isnull=True),
            ),
            # Read with each page of a list: what else belongs to its causes.
            models.Index(fields=["leader"], name="mismatch_followers", condition=models.Q(leader__isnull=False)),
            # Read by clustering: what nobody has looked at.
            models.Index(fields=["unit"], name="mismatch_unplaced", condition=models.Q(placed=False)),
            # Read by the list of what is mine.
            models.Index(
                fields=["assignee", "-raised_at"],
                name="mismatch_assigned",
                condition=models.Q(assignee__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.shape} {self.kind}"


class GroupNote(models.Model):
    """What somebody said about a mismatch group, or did with it. The database refuses to change or delete one."""

    group = models.ForeignKey(MismatchGroup, on_delete=models.PROTECT, db_index=False, related_name="notes")
    at = models.DateTimeField()
    author = models.CharField(max_length=200)
    change = models.CharField(max_length=200, blank=True, help_text="`settled as noise`; empty where nothing changed.")
    text = models.CharField(max_length=2_000, blank=True)

    class Meta:
        ordering: ClassVar = ["at", "pk"]
        # Read by the group's page.
        indexes: ClassVar = [models.Index(fields=["group", "at"], name="notes_of_group")]

    def __str__(self) -> str:
        return f"{self.author}: {self.text or self.change}"


class Joint(models.Model):
    """Causes of one unit that differed together in a pair, and no other did. What clustering judges by."""

    unit = loose_reference(Unit)
    digest = models.CharField(max_length=32)
    causes = ArrayField(models.CharField(max_length=32))
    count = models.PositiveBigIntegerField(default=0)
    last_seen_at = models.DateTimeField()
    placed = models.BooleanField(default=False, help_text="Clustering has looked at it.")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["unit", "digest"], name="joint_once")]
        indexes: ClassVar = [
            # Read by clustering: what nobody has looked at.
            models.Index(fields=["unit"], name="joint_unplaced", condition=models.Q(placed=False)),
        ]

    def __str__(self) -> str:
        return f"{self.unit_id}: {len(self.causes)} together"


class Audience(models.Model):
    """Who met a mismatch group, as one shard saw it: distinct callers, what they call themselves, and builds."""

    pk = models.CompositePrimaryKey("group_id", "shard")
    group = models.ForeignKey(MismatchGroup, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    shard = models.PositiveSmallIntegerField()
    subjects = models.BinaryField(default=b"", help_text="Sketch of CALLERS_KEPT hashes (core.tally).")
    callers = models.JSONField(default=dict)
    legacy_builds = models.JSONField(default=dict)
    candidate_builds = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.group_id} {self.shard}"


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
    subject = models.BigIntegerField(null=True, help_text="Hash of the caller as a signed number.")
    payload = models.TextField(help_text="core.wire.Sample as JSON text, so that what JSONB refuses survives.")
    groups: "models.ManyToManyField[MismatchGroup, Illustration]" = models.ManyToManyField(
        MismatchGroup, through="Illustration", related_name="samples"
    )

    class Meta:
        # Its index is also what pages read: the samples of one unit.
        constraints: ClassVar = [models.UniqueConstraint(fields=["unit", "alike"], name="kept_sample_once")]
        indexes: ClassVar = [
            # Read by retention.
            models.Index(fields=["at"], name="kept_sample_old"),
            # Read by a group's page: what the same caller met before.
            models.Index(
                fields=["subject", "at"], name="kept_sample_caller", condition=models.Q(subject__isnull=False)
            ),
        ]

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
