"""The chain: one link for each transaction that changed something that matters."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from migrator.inventory.models import Project, Unit


class Kind(models.TextChoices):
    """What happened."""

    FLIP = "flip", "flip"
    ROLLBACK = "rollback", "rollback"
    POLICY = "policy", "policy changed"
    WAIVER = "waiver", "waiver signed"
    APPROVAL = "approval", "approval"
    FREEZE = "freeze", "freeze"
    RAMP = "ramp", "ramp"
    OVERRIDE = "override", "override carried out"
    DEPLOY = "deploy", "deploy"
    SCOPE = "scope", "scope changed"
    PLAN = "plan", "plan changed"
    RULE = "rule", "rule"
    REMOVAL = "removal", "removal proof"
    SETTINGS = "settings", "settings changed"
    GUARD = "guard", "guard"


class Entry(models.Model):
    """One link. `digest` is the SHA-256 of its content and of the link before: an edit breaks every later one."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="entries")
    number = models.PositiveBigIntegerField(help_text="1, 2, 3 … within its project, without gaps.")
    at = models.DateTimeField()
    actor = models.CharField(max_length=200)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    via = models.CharField(max_length=20)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=1_000, blank=True)
    body = models.JSONField(default=dict, help_text="What changed; for flips their count and digest.")
    previous = models.CharField(max_length=64, help_text="Digest of the link before; of nothing: 64 zeros.")
    digest = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "number"], name="one_link_per_number"),
            models.UniqueConstraint(fields=["project", "previous"], name="the_chain_does_not_fork"),
            models.CheckConstraint(condition=models.Q(number__gt=0), name="links_count_from_one"),
        ]
        indexes: ClassVar = [
            # Read by charts and by the ledger: one kind of event of a project over time.
            models.Index(fields=["project", "kind", "at"], name="entry_of_kind"),
            models.Index(fields=["unit", "-id"], name="entry_of_unit", condition=models.Q(unit__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.project}#{self.number} {self.kind}"
