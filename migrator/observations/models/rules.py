"""What is settled about differences, and how often that took something out of a comparison."""

from datetime import datetime
from typing import ClassVar

from django.db import models

from migrator.core.wire import RuleKind
from migrator.inventory.models import Project, Service, Unit
from migrator.observations.models.references import loose_reference


class RuleQuerySet(models.QuerySet["Rule"]):
    def active(self) -> "RuleQuerySet":
        """Neither withdrawn nor expired, as far as data planes have been told."""
        return self.filter(revoked_at__isnull=True, expired_at__isnull=True)

    def due(self, now: datetime) -> "RuleQuerySet":
        """Expired by now, and nobody has been told."""
        return self.active().filter(expires_at__lte=now)


class Rule(models.Model):
    """What a project has settled about a place in its answers: core.wire.RuleSpec, with who, why and until when.

    A rule is never changed. One that turns out wrong is withdrawn, and another is made.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, db_index=False, related_name="rules")
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, related_name="rules")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, null=True, related_name="rules")
    kind = models.CharField(max_length=20, choices=[(kind.value, kind.value) for kind in RuleKind])
    path = models.CharField(max_length=500)
    parameters = models.JSONField(default=dict, blank=True, help_text="What else core.wire.RuleSpec has.")
    reason = models.CharField(max_length=1_000)
    author = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    expired_at = models.DateTimeField(null=True, help_text="When data planes were told that it expired.")
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.CharField(max_length=200, blank=True)
    revoked_reason = models.CharField(max_length=1_000, blank=True)
    table_version = models.PositiveBigIntegerField(help_text="The table that last changed it.")

    objects = RuleQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind__in=[str(kind) for kind in RuleKind]), name="rule_kind_known"
            ),
            models.CheckConstraint(
                condition=models.Q(unit__isnull=True) | models.Q(service__isnull=True), name="rule_has_one_scope"
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="rule_has_a_reason"),
            models.CheckConstraint(condition=~models.Q(path=""), name="rule_has_a_path"),
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("created_at")), name="rule_expires_after_its_birth"
            ),
        ]
        indexes: ClassVar = [
            # Read by data planes: the rules of a project, and the last table that changed one.
            models.Index(fields=["project", "-table_version"], name="rules_of_project"),
            # Read every minute: what expired.
            models.Index(
                fields=["expires_at"],
                name="rules_in_force",
                condition=models.Q(revoked_at__isnull=True, expired_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.path}"


class RuleHit(models.Model):
    """In how many of a unit's pairs a rule hid or accepted something, by the day."""

    pk = models.CompositePrimaryKey("rule_id", "unit_id", "day")
    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="hits")
    unit = loose_reference(Unit)
    day = models.DateField()
    count = models.PositiveBigIntegerField(default=0)
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.rule_id} {self.unit_id} {self.day}"
