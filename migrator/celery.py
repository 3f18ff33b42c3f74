"""The Celery application and its timetable.

Nothing that may not be lost or run twice hangs on Celery: a task that is lost is sent again by the next
tick, and a task that runs twice finds its shard locked or its work done.
"""

import os

from celery import Celery
from celery.schedules import crontab

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
    "guard": {"task": "migrator.rollout.tasks.look", "schedule": 3.0, "options": {"expires": 6}},
    "adopt overrides": {
        "task": "migrator.rollout.tasks.adopt_overrides",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "move ramps": {"task": "migrator.rollout.tasks.tick", "schedule": 5.0, "options": {"expires": 10}},
    "say what is ready": {"task": "migrator.rollout.tasks.announce", "schedule": 60.0, "options": {"expires": 120}},
    "end rules whose time is over": {"task": "migrator.observations.tasks.expire_rules", "schedule": 10.0},
    "make rules of noise": {"task": "migrator.observations.tasks.make_noise_rules", "schedule": 20.0},
    "watch mismatch groups": {"task": "migrator.observations.tasks.watch_groups", "schedule": 60.0},
    "watch proofs of removal": {"task": "migrator.removal.tasks.watch", "schedule": 60.0},
    "deliver messages": {"task": "migrator.telling.tasks.deliver", "schedule": 2.0, "options": {"expires": 5}},
    "end alarms that are quiet": {"task": "migrator.rollout.tasks.settle_alarms", "schedule": 30.0},
    "end approvals that nobody gave": {"task": "migrator.rollout.tasks.expire_approvals", "schedule": 60.0},
    "check the ledgers": {"task": "migrator.rollout.tasks.check_ledgers", "schedule": 6 * 3600.0},
    "count the ledger's days": {"task": "migrator.planning.tasks.count_days", "schedule": 30.0},
    # Told once a week, whoever runs it how often: the rest of Monday makes up for a beat that was down at eight.
    "tell the week": {
        "task": "migrator.planning.tasks.tell_week",
        "schedule": crontab(minute="0,20,40", hour="8-23", day_of_week="mon"),
    },
    "keep the day's forecasts": {"task": "migrator.planning.tasks.keep_forecasts", "schedule": 900.0},
    "forget old messages": {"task": "migrator.telling.tasks.forget", "schedule": 3600.0},
    "drop what retention lets go": {"task": "migrator.observations.tasks.retain", "schedule": 600.0},
}
