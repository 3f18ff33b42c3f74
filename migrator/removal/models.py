"""Where code may refer to legacy, what was found there, what was torn down, and what came back."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from migrator.inventory.models import Project, Service, Unit


class Repository(models.Model):
    """Code that may refer to legacy. Removal waits for a scan of every one that is required."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="repositories")
    name = models.CharField(max_length=200)
    url = models.CharField(max_length=500, blank=True, help_text="Where people find it; links to commits begin here.")
    branch = models.CharField(max_length=200, default="main", help_text="Only scans of this branch are proof.")
    required = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name_plural = "repositories"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "name"], name="repository_name_once_per_project"),
            models.CheckConstraint(condition=~Q(name="") & ~Q(branch=""), name="repository_has_name_and_branch"),
        ]

    def __str__(self) -> str:
        return self.name


class ScanQuerySet(models.QuerySet["Scan"]):
    def counting(self) -> "ScanQuerySet":
        """Of the registered branch, of what is committed: these are proof."""
        return self.filter(branch=models.F("repository__branch"), dirty=False)

    def newest(self) -> "ScanQuerySet":
        """One for each repository."""
        return self.order_by("repository_id", "-id").distinct("repository_id")


class Scan(models.Model):
    """One look through one commit of a repository, as a job reported it."""

    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="scans")
    commit = models.CharField(max_length=100)
    branch = models.CharField(max_length=200)
    dirty = models.BooleanField(default=False, help_text="Files differed from the commit: this is no proof.")
    at = models.DateTimeField()
    reporter = models.CharField(max_length=200)
    files = models.PositiveIntegerField(help_text="Files that were read.")
    seconds = models.FloatField()
    patterns = models.PositiveIntegerField(help_text="Names that were looked for.")
    found = models.PositiveIntegerField(help_text="References found; of very many the first are kept.")
    looked_for = ArrayField(
        models.BigIntegerField(), default=list, help_text="Fingerprints of the units that it knew: naming.fingerprint."
    )

    objects = ScanQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            # Read by the proof: the newest scan of a repository's branch.
            models.Index(fields=["repository", "branch", "-id"], name="scan_newest_of_branch"),
        ]

    def __str__(self) -> str:
        return f"{self.repository} at {self.commit[:12]}"


class Reference(models.Model):
    """A line of code that names a unit."""

    scan = models.ForeignKey(Scan, on_delete=models.CASCADE, related_name="references")
    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="+")
    path = models.CharField(max_length=1_000)
    line = models.PositiveIntegerField()
    excerpt = models.CharField(max_length=200, help_text="The line, without what looks like a secret.")
    alias = models.CharField(max_length=500, help_text="The name by which it was found.")

    class Meta:
        ordering: ClassVar = ["path", "line"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["scan", "unit", "path", "line"], name="reference_once_per_line"),
        ]

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class TearDown(models.Model):
    """A person's word that something outside our sight is gone: of one unit, or of a whole service."""

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, null=True, blank=True, related_name="tear_downs")
    service = models.ForeignKey(Service, on_delete=models.CASCADE, null=True, blank=True, related_name="tear_downs")
    what = models.CharField(max_length=40, help_text="An item of removal.checklist.")
    done_by = models.CharField(max_length=200)
    done_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["done_at"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(unit__isnull=False, service__isnull=True) | Q(unit__isnull=True, service__isnull=False),
                name="tear_down_has_one_target",
            ),
            models.UniqueConstraint(fields=["unit", "what"], name="tear_down_once_per_unit"),
            models.UniqueConstraint(fields=["service", "what"], name="tear_down_once_per_service"),
        ]

    def __str__(self) -> str:
        return f"{self.what} of {self.unit or self.service}"


class ProofMark(models.Model):
    """How a unit's proof stood when it was last looked at, so that a change is noticed once."""

    unit = models.OneToOneField(Unit, on_delete=models.CASCADE, primary_key=True, related_name="proof_mark")
    stage_since = models.DateTimeField(help_text="The stay in removal that this is about.")
    complete = models.BooleanField(default=False)
    failing = models.CharField(max_length=100, blank=True, help_text="Names of the parts that speak against it.")
    open_parts = ArrayField(
        models.CharField(max_length=40),
        null=True,
        help_text="Names of the parts that are not passed; lists go by them.",
    )
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.unit_id}: {'complete' if self.complete else self.failing or 'waiting'}"


class LastLook(models.Model):
    """When the watch last looked at every unit of a project that is in removal: so old are its marks at most."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, primary_key=True, related_name="removal_look")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.project}: {self.at:%Y-%m-%d %H:%M:%S}"


class ReopeningQuerySet(models.QuerySet["Reopening"]):
    def standing(self) -> "ReopeningQuerySet":
        return self.filter(closed_at__isnull=True)


class Reopening(models.Model):
    """A removed unit to which a call or a reference returned. The ladder does not move: people must act."""

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="reopenings")
    why = models.CharField(max_length=1_000)
    at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True, help_text="When nothing spoke against it any more.")

    objects = ReopeningQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["unit"], condition=Q(closed_at__isnull=True), name="one_standing_reopening_per_unit"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.unit} reopened"
