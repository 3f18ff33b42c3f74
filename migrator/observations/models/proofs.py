"""What data planes found out about differences before they counted them."""

from typing import ClassVar

from django.db import models

from migrator.core.wire import Proof, Side
from migrator.inventory.models import Unit
from migrator.observations.models.references import loose_reference


class SelfCheck(models.Model):
    """How often one side of a unit was asked twice, by the hour, and where it disagreed with itself."""

    pk = models.CompositePrimaryKey("unit_id", "side", "place", "window_start")
    unit = loose_reference(Unit)
    side = models.CharField(max_length=10, choices=[(side.value, side.value) for side in Side])
    place = models.CharField(max_length=32, help_text="Digest of shape and kind; empty for how often it was asked.")
    window_start = models.DateTimeField()
    shape = models.CharField(max_length=2_000)
    kind = models.CharField(max_length=200)
    count = models.PositiveBigIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        # Read by whoever makes rules of noise, and by retention.
        indexes: ClassVar = [models.Index(fields=["window_start"], name="self_check_recent")]

    def __str__(self) -> str:
        return f"{self.unit_id} {self.side} {self.shape}"


class Scrutinised(models.Model):
    """How a unit's mismatches, and the pairs that would have been, were looked into: by the day."""

    pk = models.CompositePrimaryKey("unit_id", "evidence_epoch", "proof", "day")
    unit = loose_reference(Unit)
    evidence_epoch = models.PositiveIntegerField()
    proof = models.CharField(max_length=20, choices=[(proof.value, proof.value) for proof in Proof])
    day = models.DateField()
    count = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.unit_id} {self.proof}"
