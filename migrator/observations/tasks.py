"""What Celery runs every second and every ten minutes. A task that is lost costs time, nothing else."""

from django.utils import timezone

from migrator.celery import app
from migrator.observations import retention, services

PATIENCE_S = 5.0


@app.task(name="migrator.observations.tasks.drain")
def drain() -> int:
    return services.drain(now=timezone.now(), patience_s=PATIENCE_S)


@app.task(name="migrator.observations.tasks.retain")
def retain() -> int:
    return retention.retain(now=timezone.now())
