"""What Celery does for the plan. Lost or run twice, nothing is wrong: the next one finds what is left."""

from django.utils import timezone

from migrator.celery import app
from migrator.planning import digest, keeping


@app.task(name="migrator.planning.tasks.count_days")
def count_days() -> int:
    moved = keeping.count_days()
    keeping.foresee(projects=moved, now=timezone.now())
    return len(moved)


@app.task(name="migrator.planning.tasks.keep_forecasts")
def keep_forecasts() -> int:
    return keeping.keep_forecasts(now=timezone.now())


@app.task(name="migrator.planning.tasks.tell_week")
def tell_week() -> int:
    return digest.tell_week(now=timezone.now())
