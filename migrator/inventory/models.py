"""What is being migrated: projects, their services and teams, and the units on the ladder.

Stage, shares and versions of a unit are written by `rollout.services` alone. The database holds the same
rules: check constraints made from the ladder, and a trigger (in rollout's migrations) that refuses
a change of position without its entry in the ledger.
"""

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from migrator.core.stages import ALL, LADDER, Operation, Position, Stage
from migrator.inventory.runbooks import MAX_RUNBOOK, validate_runbook

DEFAULT_TIMEOUT_MS = 60_000


class Project(models.Model):
    """One migration programme."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    legacy_name = models.CharField(max_length=100, default="legacy")
    candidate_name = models.CharField(max_length=100, default="candidate")
    deadline = models.DateField(null=True, blank=True)
    simulated = models.BooleanField(default=False, help_text="Its history was made up for a demonstration.")
    manners = models.JSONField(default=dict, blank=True, help_text="How its data planes behave: core.wire.Manners.")
    policy = models.JSONField(default=dict, blank=True, help_text="What evidence is demanded: core.policy.Policy.")
    policy_version = models.PositiveIntegerField(
        default=1, help_text="Counts the changes of its own policy: an edit names the one it saw."
    )
    epoch = models.PositiveIntegerField(default=1)
    version = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["slug"]

    def __str__(self) -> str:
        return self.slug


class Team(models.Model):
    """The people who move units."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="teams")
    name = models.CharField(max_length=100)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "name"], name="team_name_once_per_project")]

    def __str__(self) -> str:
        return self.name


class Service(models.Model):
    """A pair of running services: legacy and its candidate. Durations in milliseconds."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="services")
    name = models.CharField(max_length=100)
    legacy_url = models.CharField(max_length=500, blank=True)
    candidate_url = models.CharField(max_length=500, blank=True)
    legacy_deployed = models.BooleanField(default=True, help_text="While legacy runs, removal can still be undone.")
    legacy_timeout_ms = models.PositiveIntegerField(default=DEFAULT_TIMEOUT_MS)
    candidate_timeout_ms = models.PositiveIntegerField(default=DEFAULT_TIMEOUT_MS)
    mirror_timeout_ms = models.PositiveIntegerField(default=10_000)
    mirror_concurrency = models.PositiveIntegerField(default=64)
    mirror_body_bytes = models.PositiveIntegerField(default=1_048_576)
    spec_imported_at = models.DateTimeField(
        null=True, blank=True, help_text="When its spec was last read in; empty where none ever was."
    )
    legacy_capacity = models.FloatField(
        null=True, blank=True, help_text="Requests per second that legacy can still take; empty where nobody measured."
    )
    runbook = models.CharField(
        max_length=MAX_RUNBOOK,
        blank=True,
        validators=[validate_runbook],
        help_text="What to do at night about its units that name none: an address, or where it lies.",
    )

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "name"], name="service_name_once_per_project"),
            models.CheckConstraint(
                condition=Q(legacy_timeout_ms__gt=0, candidate_timeout_ms__gt=0, mirror_timeout_ms__gt=0),
                name="service_timeouts_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Deploy(models.Model):
    """A build that one side of a service was replaced by. Evidence starts afresh with it."""

    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="deploys")
    side = models.CharField(max_length=10, choices=[("legacy", "legacy"), ("candidate", "candidate")])
    build = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-at"]
        # Read by the charts of a unit page: deploys of one service as pins.
        indexes: ClassVar = [models.Index(fields=["service", "at"], name="deploy_of_service")]

    def __str__(self) -> str:
        return f"{self.service} {self.side} {self.build}"


class Kind(models.TextChoices):
    ENDPOINT = "endpoint"
    FIELD = "field"


class Source(models.TextChoices):
    """How a unit came to be tracked."""

    SPEC = "spec"
    TRAFFIC = "traffic"
    HAND = "hand"


class UnitQuerySet(models.QuerySet["Unit"]):
    def tracked(self) -> "UnitQuerySet":
        return self.filter(gone_at__isnull=True)

    def in_motion(self) -> "UnitQuerySet":
        """Between the first mirrored request and the accepted proof of removal."""
        return self.tracked().exclude(stage__in=[Stage.BACKLOG, Stage.REMOVED])

    def serving_candidate(self) -> "UnitQuerySet":
        """Callers meet the candidate: this is what on-call can take back."""
        return self.tracked().filter(candidate_bp__gt=0).exclude(stage=Stage.REMOVED)


class Unit(models.Model):
    """An endpoint or a field. Shares in basis points."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="units")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="units")
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, blank=True, related_name="units")
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="fields")
    key = models.CharField(max_length=500)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    operation = models.CharField(max_length=10, choices=[(o.value, o.value) for o in Operation], default=Operation.READ)
    description = models.CharField(max_length=500, blank=True)
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.HAND)
    contested_by = models.ForeignKey(Service, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    sister = models.BooleanField(default=False, help_text="The candidate writes to sister datastores.")
    cohort = models.CharField(max_length=100, null=True, blank=True, validators=[RegexValidator(r"^[^:]+$")])
    risk = models.CharField(max_length=40, blank=True, help_text="Class of risk, such as `money`: policies go by it.")
    aliases = models.JSONField(default=list, blank=True, help_text="Other names by which code refers to it.")
    label = models.CharField(
        max_length=200, blank=True, help_text="What marks it in its schema while it migrates, such as @override."
    )
    runbook = models.CharField(
        max_length=MAX_RUNBOOK,
        blank=True,
        validators=[validate_runbook],
        help_text="What to do about it at night: an address, or words that say where it lies.",
    )
    irreversible = models.BooleanField(
        default=False,
        help_text="What it did cannot be taken back by rolling back, such as a payment or a mail. Only for writes.",
    )
    added_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True, blank=True)

    # Written by rollout.services alone.
    stage = models.CharField(max_length=20, choices=[(s.value, s.value) for s in Stage], default=Stage.BACKLOG)
    candidate_bp = models.PositiveSmallIntegerField(default=0)
    mirror_bp = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=0, help_text="Counts its flips: an edit names the one it saw.")
    stage_since = models.DateTimeField(null=True, blank=True)
    share_since = models.DateTimeField(null=True, blank=True, help_text="When the candidate's share was last set.")

    evidence_epoch = models.PositiveIntegerField(default=0, help_text="Counts up when evidence starts afresh.")
    evidence_since = models.DateTimeField(null=True, blank=True)
    table_version = models.PositiveBigIntegerField(default=0, help_text="The table that last changed its route.")

    objects = UnitQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["key"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "key"], name="unit_key_once_per_project"),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="unit_kind_known"),
            models.CheckConstraint(
                condition=Q(operation__in=[o.value for o in Operation]), name="unit_operation_known"
            ),
            *(
                models.CheckConstraint(
                    condition=~Q(stage=rung.stage.value)
                    | Q(candidate_bp__range=rung.candidate, mirror_bp__range=rung.mirror),
                    name=f"unit_shares_of_{rung.stage}",
                )
                for rung in LADDER
            ),
            models.CheckConstraint(condition=Q(stage__in=[s.value for s in Stage]), name="unit_stage_known"),
            models.CheckConstraint(
                condition=Q(irreversible=False) | Q(operation=Operation.WRITE.value),
                name="only_writes_are_irreversible",
            ),
        ]
        indexes: ClassVar = [
            # Read by data planes: what changed since the table they have.
            models.Index(fields=["project", "table_version"], name="unit_changed_since"),
            # Read by lists: one stage of one project, in key order.
            models.Index(fields=["project", "stage", "key"], name="unit_of_stage"),
            models.Index(fields=["project", "kind", "key"], name="unit_of_kind"),
            models.Index(fields=["service", "key"], name="unit_of_service"),
            models.Index(fields=["team", "key"], name="unit_of_team", condition=Q(team__isnull=False)),
            # Read by the burn-up: how scope grew, and how it shrank.
            models.Index(fields=["project", "added_at"], name="unit_scope_history"),
            models.Index(fields=["project", "gone_at"], name="unit_gone", condition=Q(gone_at__isnull=False)),
            # Read by the burn-up and the forecast: how much of each team stands where.
            models.Index(fields=["project", "team", "stage"], name="unit_of_team_stands", condition=Q(gone_at=None)),
            # Read by the burndown: what has stood longest where it stands.
            models.Index(fields=["project", "stage_since"], name="unit_standing", condition=Q(gone_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def position(self) -> Position:
        return Position(stage=Stage(self.stage), candidate=self.candidate_bp, mirror=self.mirror_bp)

    @property
    def runbook_in_force(self) -> str:
        """Its own, else its endpoint's, else its service's; empty where none of them names one."""
        of_parent = self.parent.runbook if self.parent else ""
        return self.runbook or of_parent or self.service.runbook

    @property
    def answers_from_candidate(self) -> bool:
        return self.candidate_bp > 0

    @property
    def candidate_answers_all(self) -> bool:
        return self.candidate_bp == ALL


class TagChange(models.Model):
    """A unit that went to another team or service. Written by the database itself, so that no way past it exists."""

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="tag_changes")
    at = models.DateTimeField()
    team_before = models.BigIntegerField(null=True)
    team_after = models.BigIntegerField(null=True)
    service_before = models.BigIntegerField()
    service_after = models.BigIntegerField()

    class Meta:
        ordering: ClassVar = ["id"]
        # Read by the burn-up "as tagged then".
        indexes: ClassVar = [models.Index(fields=["unit", "at"], name="tags_of_unit")]

    def __str__(self) -> str:
        return f"tags of {self.unit_id} at {self.at}"


class Absence(models.Model):
    """A while in which a unit was not in scope: gone from its spec, and back when a spec named it again.

    A unit that is away now has its `gone_at` instead.
    """

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="absences")
    gone_at = models.DateTimeField()
    back_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(back_at__gte=models.F("gone_at")), name="back_after_it_was_gone"),
        ]

    def __str__(self) -> str:
        return f"{self.unit_id} was away from {self.gone_at} to {self.back_at}"


class ObservedEndpoint(models.Model):
    """An endpoint that traffic showed and no unit covers: offered, until tracked or dismissed."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="observed_endpoints")
    service = models.ForeignKey(Service, on_delete=models.CASCADE, null=True, related_name="+")
    key = models.CharField(max_length=500)
    count = models.PositiveBigIntegerField(default=0)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    dismissed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-count"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["project", "key"], name="observed_once_per_project")]

    def __str__(self) -> str:
        return self.key
