"""Which builds answered, as data planes read it from a header that the project names."""

from django.db import models

from migrator.core.wire import Side
from migrator.inventory.models import Service
from migrator.observations.models.references import loose_reference


class SeenBuild(models.Model):
    """A build that answered as one side of a service. An empty one stands for answers that named none."""

    pk = models.CompositePrimaryKey("service_id", "side", "build")
    service = loose_reference(Service)
    side = models.CharField(max_length=10, choices=[(side.value, side.value) for side in Side])
    build = models.CharField(max_length=200)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    looked_at = models.DateTimeField(
        null=True, help_text="When it was last decided about. Before last_seen_at: to be decided again."
    )

    def __str__(self) -> str:
        return f"{self.service_id} {self.side} {self.build}"
