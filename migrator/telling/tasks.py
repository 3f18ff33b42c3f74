"""What Celery runs for the outbox. A tick that is lost costs two seconds: the next one does the same work."""

from django.utils import timezone

from migrator.celery import app
from migrator.telling import delivery

AT_ONCE = 100


@app.task(name="migrator.telling.tasks.deliver")
def deliver() -> int:
    return delivery.deliver_due(now=timezone.now(), limit=AT_ONCE).sent


@app.task(name="migrator.telling.tasks.forget")
def forget() -> int:
    return delivery.forget(now=timezone.now())
