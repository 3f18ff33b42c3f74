"""What Celery runs once a minute. A task that is lost costs a minute, nothing else."""

from django.utils import timezone

from migrator.celery import app
from migrator.removal import watching


@app.task(name="migrator.removal.tasks.watch")
def watch() -> int:
    return watching.watch(now=timezone.now())
