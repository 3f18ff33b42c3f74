"""The outbox, where it is delivered, and who may alarm us."""

from typing import ClassVar

from django.db import models

from migrator.inventory.models import Project, Unit


class Severity(models.TextChoices):
    """How soon somebody should know."""

    INFO = "info", "info"
    """Whoever reads the digest."""
    WARNING = "warning", "warning"
    """Today."""
    CRITICAL = "critical", "critical"
    """Now, at night too."""


class Event(models.TextChoices):
    """What is told."""

    ROLLED_BACK = "rolled_back", "rolled back"
    HARM = "harm", "harm proven"
    READY = "ready", "ready for the next step"
    FLIPPED = "flipped", "flipped"
    RAMP = "ramp", "ramp moved or stopped"
    APPROVAL = "approval", "approval wanted or given"
    FREEZE = "freeze", "freeze begun or lifted"
    GUARD = "guard", "guard silent or back"
    LEFT_OUT = "left_out", "candidate left out by a data plane"
    OVERRIDE = "override", "override carried out"
    BREAK_GLASS = "break_glass", "glass broken"
    REMOVAL = "removal", "removal proof reopened"
    EVIDENCE = "evidence", "evidence missing"
    LEDGER = "ledger", "ledger check failed"


class Message(models.Model):
    """Something to tell, written in the transaction of what it tells of. Delivery comes after the commit."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="messages")
    unit = models.ForeignKey(Unit, on_delete=models.SET_NULL, null=True, related_name="+")
    event = models.CharField(max_length=20, choices=Event.choices)
    severity = models.CharField(max_length=10, choices=Severity.choices)
    key = models.CharField(
        max_length=200, help_text="Messages of one key are one matter: it is told once and resolved."
    )
    resolves = models.BooleanField(default=False, help_text="The matter is over.")
    title = models.CharField(max_length=300)
    sentence = models.CharField(max_length=2_000)
    path = models.CharField(max_length=500, help_text="Where to act: a path of ours.")
    at = models.DateTimeField()
    routed_at = models.DateTimeField(null=True, help_text="When it was handed to the channels that want it.")

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            # Read by delivery: what no channel has yet.
            models.Index(fields=["id"], name="message_unrouted", condition=models.Q(routed_at__isnull=True)),
            models.Index(fields=["project", "key", "-id"], name="message_of_key"),
        ]

    def __str__(self) -> str:
        return self.title
