"""What Celery runs every second, every minute and every ten minutes. A task that is lost costs time, nothing else."""

from django.utils import timezone

from migrator.celery import app
from migrator.observations import noise, retention, ruling, services, settling

PATIENCE_S = 5.0


@app.task(name="migrator.observations.tasks.drain")
def drain() -> int:
    return services.drain(now=timezone.now(), patience_s=PATIENCE_S)


@app.task(name="migrator.observations.tasks.expire_rules")
def expire_rules() -> int:
    return ruling.expire_due(now=timezone.now())


@app.task(name="migrator.observations.tasks.make_noise_rules")
def make_noise_rules() -> int:
    return noise.make_rules(now=timezone.now())


@app.task(name="migrator.observations.tasks.watch_groups")
def watch_groups() -> int:
    return settling.watch(now=timezone.now())


@app.task(name="migrator.observations.tasks.retain")
def retain() -> int:
    return retention.retain(now=timezone.now())
