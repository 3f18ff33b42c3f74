"""The Celery application and its timetable.

Nothing that may not be lost or run twice hangs on Celery: a task that is lost is sent again by the next
tick, and a task that runs twice finds its shard locked or its work done.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "migrator.settings")

app = Celery("migrator")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "drain reports": {
        "task": "migrator.observations.tasks.drain",
        "schedule": 1.0,
        # Ticks that nobody took within their second are dropped: the next one does the same work.
        "options": {"expires": 5},
    },
    "end rules whose time is over": {"task": "migrator.observations.tasks.expire_rules", "schedule": 10.0},
    "make rules of noise": {"task": "migrator.observations.tasks.make_noise_rules", "schedule": 20.0},
    "watch mismatch groups": {"task": "migrator.observations.tasks.watch_groups", "schedule": 60.0},
    "drop what retention lets go": {"task": "migrator.observations.tasks.retain", "schedule": 600.0},
}
