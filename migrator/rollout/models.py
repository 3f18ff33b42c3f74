"""The ledger of flips, the data planes that obey, and what moves units or keeps them from moving."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from migrator.core.stages import Direction, Position, Stage
from migrator.core.wire import Version
from migrator.inventory.models import Project, Service, Unit
from migrator.ledger.models import Entry


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
    entry = models.ForeignKey(
        Entry,
        on_delete=models.PROTECT,
        null=True,
        related_name="flips",
        help_text="The link of the chain that seals it.",
    )

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["unit", "unit_version"], name="one_flip_per_unit_version"),
        ]
        indexes: ClassVar = [
            # Read by the ledger page: newest first.
            models.Index(fields=["project", "-id"], name="flip_ledger"),
            # Read by the ledger page's end, and by the chain's check: none, but for what is older than the chain.
            models.Index(fields=["project", "-id"], condition=models.Q(entry__isnull=True), name="flip_unsealed"),
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
    left_out = models.JSONField(default=list, help_text="Keys of units whose candidate it leaves out: it fails there.")
    overrides = models.JSONField(default=list, help_text="Ids of the signed overrides that it obeys.")
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


class Freeze(models.Model):
    """Nothing climbs here for a while: a project, one service of it, or one unit. Going down is never frozen.

    A maintenance window, a hold that an alert asked for, and a person's "not now" are the same thing.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="freezes")
    service = models.ForeignKey(Service, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    key = models.CharField(max_length=200, blank=True, help_text="The alert that asked for it, where one did.")
    reason = models.CharField(max_length=1_000)
    made_by = models.CharField(max_length=200)
    made_at = models.DateTimeField()
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Empty: until somebody lifts it.")
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(service__isnull=True) | models.Q(unit__isnull=True), name="freeze_has_one_target"
            ),
            models.UniqueConstraint(
                fields=["project", "key"],
                condition=models.Q(lifted_at__isnull=True) & ~models.Q(key=""),
                name="an_alert_freezes_once",
            ),
        ]
        indexes: ClassVar = [
            # Read by the door: what is frozen now.
            models.Index(fields=["project"], name="freeze_standing", condition=models.Q(lifted_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"freeze of {self.what}"

    @property
    def what(self) -> str:
        """What is frozen, as people call it."""
        return self.unit.key if self.unit else self.service.name if self.service else self.project.name


class RampState(models.TextChoices):
    RUNNING = "running", "running"
    PAUSED = "paused", "paused"
    """A person stopped its clock; the unit stays where it is, and the guard goes on watching."""
    COOLING = "cooling", "cooling down"
    """A rollback took the unit down. A person must start it again."""
    DONE = "done", "done"
    STOPPED = "stopped", "stopped"


class Ramp(models.Model):
    """A plan that takes one unit up by itself, step by step, as its evidence allows."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="ramps")
    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="ramps")
    batch = models.UUIDField(help_text="Ramps that were started together.")
    plan = models.JSONField(help_text="core.ramp.Plan: steps, soak times, working hours, how many at once.")
    state = models.CharField(max_length=10, choices=RampState.choices, default=RampState.RUNNING)
    step = models.PositiveSmallIntegerField(default=0, help_text="The step that comes next, from 0.")
    step_since = models.DateTimeField(help_text="When the last step was taken, or the ramp began.")
    waiting = models.CharField(max_length=500, blank=True, help_text="What it waits for, in words.")
    next_at = models.DateTimeField(null=True, blank=True, help_text="When the next step is possible at the earliest.")
    soaked_s = models.FloatField(default=0, help_text="Seconds for which evidence flowed since the last step.")
    looked_at = models.DateTimeField(null=True, blank=True, help_text="Up to when its soak is counted.")
    seen_version = models.PositiveIntegerField(
        default=0, help_text="The unit's version that it knows: another one is somebody else's flip."
    )
    reason = models.CharField(max_length=1_000, blank=True)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    starter = models.CharField(max_length=200)
    started_via = models.CharField(
        max_length=20, default="", help_text="Whose rights it has: a person's, a token's, the host's."
    )
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_because = models.CharField(max_length=500, blank=True)
    changed_by = models.CharField(max_length=200, blank=True, help_text="Who paused, resumed or stopped it last.")

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["unit"], condition=models.Q(ended_at__isnull=True), name="one_ramp_per_unit"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["project", "state"], name="ramp_under_way", condition=models.Q(ended_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"ramp of {self.unit}"


class Pulse(models.Model):
    """A watcher that shows that it lives: the guard. Times are the database's."""

    name = models.CharField(max_length=50, primary_key=True)
    holder = models.CharField(max_length=200, help_text="Which process did it last.")
    beat_at = models.DateTimeField()
    took_ms = models.FloatField(default=0)
    looked_at = models.PositiveIntegerField(default=0, help_text="Units judged.")
    alarmed_at = models.DateTimeField(null=True, blank=True, help_text="When its silence was told.")

    def __str__(self) -> str:
        return f"{self.name} by {self.holder}"


class Comment(models.Model):
    """A remark of a person on one unit."""

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="comments")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    author = models.CharField(max_length=200)
    at = models.DateTimeField()
    text = models.CharField(max_length=4_000)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return self.text[:60]


class HandOver(models.Model):
    """What whoever is on call next must know. The newest one stands on the on-call page."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="hand_overs")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    author = models.CharField(max_length=200)
    at = models.DateTimeField()
    text = models.CharField(max_length=4_000)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["project", "-id"], name="newest_hand_over")]

    def __str__(self) -> str:
        return self.text[:60]


class CarriedOut(models.Model):
    """A signed override that data planes obeyed without us, and that is an entry of the ledger since."""

    id = models.CharField(max_length=200, primary_key=True)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="overrides")
    document = models.TextField()
    signature = models.CharField(max_length=200)
    author = models.CharField(max_length=200)
    issued_at = models.DateTimeField()
    adopted_at = models.DateTimeField()
    source = models.CharField(max_length=200, help_text="The data plane or host that told of it.")
    rolled_back = models.PositiveIntegerField(default=0, help_text="Units that it took down.")
    epoch = models.PositiveIntegerField(default=1)
    version = models.PositiveBigIntegerField(default=0, help_text="The routing table that carries what it ordered.")

    class Meta:
        ordering: ClassVar = ["-adopted_at"]

    def __str__(self) -> str:
        return self.id
