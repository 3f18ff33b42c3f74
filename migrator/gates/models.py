"""Policies in layers, and signed waivers of single gates."""

from typing import ClassVar

from django.core.validators import MinLengthValidator
from django.db import models
from django.db.models import Q

from migrator.core.stages import Operation
from migrator.inventory.models import Project, Service, Team, Unit


class PolicyLayer(models.Model):
    """What one service, team, class of units or unit demands otherwise than the project. Later kinds win.

    Exactly one of service, team, operation, risk and unit is set. The project's own layer is `Project.policy`.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="policy_layers")
    service = models.ForeignKey(Service, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    operation = models.CharField(max_length=10, blank=True, choices=[(o.value, o.value) for o in Operation])
    risk = models.CharField(max_length=40, blank=True)
    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    settings = models.JSONField(default=dict, help_text="Only what differs: names and values of core.policy.Policy.")
    version = models.PositiveIntegerField(default=1, help_text="Counts its changes: an edit names the one it saw.")
    reason = models.CharField(max_length=1_000, blank=True)
    changed_by = models.CharField(max_length=200)
    changed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["project", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["service"], name="one_policy_per_service"),
            models.UniqueConstraint(fields=["team"], name="one_policy_per_team"),
            models.UniqueConstraint(fields=["unit"], name="one_policy_per_unit"),
            models.UniqueConstraint(
                fields=["project", "operation"], condition=~Q(operation=""), name="one_policy_per_operation"
            ),
            models.UniqueConstraint(fields=["project", "risk"], condition=~Q(risk=""), name="one_policy_per_risk"),
            models.CheckConstraint(
                condition=(
                    Q(service__isnull=False, team__isnull=True, operation="", risk="", unit__isnull=True)
                    | Q(service__isnull=True, team__isnull=False, operation="", risk="", unit__isnull=True)
                    | (Q(service__isnull=True, team__isnull=True, risk="", unit__isnull=True) & ~Q(operation=""))
                    | (Q(service__isnull=True, team__isnull=True, operation="", unit__isnull=True) & ~Q(risk=""))
                    | Q(service__isnull=True, team__isnull=True, operation="", risk="", unit__isnull=False)
                ),
                name="policy_layer_has_one_target",
            ),
        ]

    def __str__(self) -> str:
        return f"policy of {self.service or self.team or self.operation or self.risk or self.unit}"


class Waiver(models.Model):
    """A person's signature under a gate that the evidence does not pass. It ends by itself."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="waivers")
    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="waivers")
    gates = models.JSONField(help_text="Names of the gates that are waived.")
    reason = models.CharField(max_length=1_000, validators=[MinLengthValidator(1)])
    signed_by = models.CharField(max_length=200)
    approved_by = models.CharField(max_length=200, blank=True)
    signed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("signed_at")), name="waiver_ends_after_it_begins"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="waiver_says_why"),
        ]
        indexes: ClassVar = [models.Index(fields=["unit", "expires_at"], name="waiver_in_force")]

    def __str__(self) -> str:
        return f"waiver of {', '.join(self.gates)} for {self.unit}"
