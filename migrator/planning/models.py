"""The plan: phases with their scope and deadlines, effort, people, what needs what, and what was promised."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Team, Unit

DONE_STAGES = (Stage.CUTOVER, Stage.REMOVED)
"""What "done" may mean: nobody is answered by legacy any more, or legacy's code is gone."""


class Phase(models.Model):
    """A part of the migration with a scope and a deadline of its own: the minimum viable experience, the endgame."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="phases")
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    position = models.PositiveSmallIntegerField(default=0, help_text="Phases stand in this order.")
    deadline = models.DateField(null=True, blank=True)
    done_at = models.CharField(
        max_length=20,
        choices=[(s.value, s.value) for s in DONE_STAGES],
        default=Stage.CUTOVER,
        help_text="What is done.",
    )

    class Meta:
        ordering: ClassVar = ["position", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "name"], name="phase_name_once_per_project"),
            models.CheckConstraint(condition=Q(done_at__in=[s.value for s in DONE_STAGES]), name="phase_done_known"),
        ]

    def __str__(self) -> str:
        return self.name


class PhaseUnit(models.Model):
    """A unit in a phase, from when to when. Rows are ended, never deleted: scope has a history."""

    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, related_name="members")
    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="phases")
    added_at = models.DateTimeField()
    added_by = models.CharField(max_length=200)
    reason = models.CharField(max_length=1_000, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)
    removed_by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["unit"], condition=Q(removed_at__isnull=True), name="a_unit_is_in_one_phase"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["phase", "added_at"], name="phase_scope_history")]

    def __str__(self) -> str:
        return f"{self.unit} in {self.phase}"


class Milestone(models.Model):
    """A mini-deadline: by then this service's or team's units are done, or this share of them."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="milestones")
    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, null=True, blank=True, related_name="milestones")
    service = models.ForeignKey(Service, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=200)
    due = models.DateField()
    share = models.FloatField(default=1.0, help_text="Which part of the units; 1 is all of them.")
    set_by = models.CharField(max_length=200)
    set_at = models.DateTimeField()
    reason = models.CharField(max_length=1_000, blank=True)

    class Meta:
        ordering: ClassVar = ["due", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(share__gt=0, share__lte=1), name="milestone_share_is_a_share"),
        ]

    def __str__(self) -> str:
        return self.name


class EffortSource(models.TextChoices):
    SPEC = "spec", "counted in its spec"
    LINES = "lines", "counted lines of code"
    HAND = "hand", "by hand"


class Effort(models.Model):
    """How much work one unit is, in points that mean something within its project only."""

    unit = models.OneToOneField(Unit, on_delete=models.CASCADE, related_name="effort")
    points = models.FloatField()
    source = models.CharField(max_length=10, choices=EffortSource.choices)
    lines = models.PositiveIntegerField(null=True, blank=True)
    set_by = models.CharField(max_length=200)
    set_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=Q(points__gt=0), name="effort_is_positive")]

    def __str__(self) -> str:
        return f"{self.points} for {self.unit}"


class Capacity(models.Model):
    """How many people a team has, from a day until the next row's."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="capacity")
    since = models.DateField()
    people = models.FloatField()
    set_by = models.CharField(max_length=200)
    reason = models.CharField(max_length=1_000, blank=True)

    class Meta:
        ordering: ClassVar = ["team", "since"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "since"], name="one_capacity_per_team_and_day"),
            models.CheckConstraint(condition=Q(people__gte=0), name="people_are_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.team}: {self.people} since {self.since}"


class Dependency(models.Model):
    """One unit must be done before another is."""

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="needs")
    needs = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="needed_by")
    set_by = models.CharField(max_length=200)
    set_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["unit", "needs"], name="a_dependency_once"),
            models.CheckConstraint(condition=~Q(unit=models.F("needs")), name="nothing_needs_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.unit} needs {self.needs}"


class Baseline(models.Model):
    """What was promised on one day, and why it was promised anew."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="baselines")
    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, null=True, blank=True, related_name="baselines")
    at = models.DateTimeField()
    set_by = models.CharField(max_length=200)
    reason = models.CharField(max_length=1_000)
    scope = models.PositiveIntegerField()
    done = models.PositiveIntegerField()
    deadline = models.DateField(null=True, blank=True)
    p50 = models.DateField(null=True, blank=True)
    p85 = models.DateField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-at"]

    def __str__(self) -> str:
        return f"baseline of {self.at:%Y-%m-%d}"


class PastForecast(models.Model):
    """What was forecast on one day: kept, so that everybody sees how good forecasts were."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="past_forecasts")
    phase = models.ForeignKey(Phase, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    day = models.DateField()
    scope = models.PositiveIntegerField()
    done = models.PositiveIntegerField()
    p50 = models.DateField(null=True)
    p85 = models.DateField(null=True)
    p95 = models.DateField(null=True)
    chance = models.FloatField(null=True, help_text="Of making the deadline of that day.")
    deadline = models.DateField(null=True)

    class Meta:
        ordering: ClassVar = ["-day"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "phase", "day"], name="one_forecast_a_day", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"forecast of {self.day}"


class ShareLink(models.Model):
    """A read-only way in for whoever has the link: the burn-up and its forecast, and nothing of anybody's data."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="share_links")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the secret in its address.")
    embed_origins = models.JSONField(default=list, blank=True, help_text="Sites that may frame it.")
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return self.name


class SavedView(models.Model):
    """Filters of a list that a person gave a name."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="saved_views")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    page = models.CharField(max_length=40)
    name = models.CharField(max_length=100)
    query = models.CharField(max_length=1_000)
    shared = models.BooleanField(default=False, help_text="Everybody of the project sees it.")

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "user", "page", "name"], name="a_view_once"),
        ]

    def __str__(self) -> str:
        return self.name


class DayCount(models.Model):
    """How many units went from one stage to another on one day (UTC), as they were tagged then. See counting."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    day = models.DateField()
    kind = models.CharField(max_length=10)
    service_id = models.BigIntegerField()
    team_id = models.BigIntegerField(help_text="0: nobody's.")
    from_stage = models.CharField(max_length=20)
    to_stage = models.CharField(max_length=20)
    units = models.PositiveIntegerField()
    points = models.FloatField(help_text="Effort of those that somebody estimated.")
    unknown = models.PositiveIntegerField(help_text="How many nobody did.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["project", "day", "kind", "service_id", "team_id", "from_stage", "to_stage"],
                name="one_count_per_day_and_tags",
                include=["units", "points", "unknown"],  # so that the days asked for are read without the table
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.units} {self.from_stage} -> {self.to_stage}"


class Counted(models.Model):
    """Up to which flip of a project the days are counted."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="+")
    flip = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.project} up to {self.flip}"
