"""What Celery runs every few seconds. It is one driver of several: without it the standby guard takes over."""

from dataclasses import asdict
from typing import Any

from migrator.celery import app
from migrator.rollout import alarms, announcing, approvals, auditing, guard, overrides, ramps
from migrator.rollout.pulse import database_now, holder

JUST_NOW_S = 1.5
"""A look done so lately is not done again: tasks that queued up would look one after the other."""


@app.task(name="migrator.rollout.tasks.look")
def look() -> dict[str, Any]:
    return asdict(guard.look(holder=holder("worker"), now=database_now(), unless_within_s=JUST_NOW_S))


@app.task(name="migrator.rollout.tasks.tick")
def tick() -> dict[str, Any]:
    return asdict(ramps.tick(now=database_now()))


@app.task(name="migrator.rollout.tasks.announce")
def announce() -> dict[str, Any]:
    return asdict(announcing.announce(now=database_now()))


@app.task(name="migrator.rollout.tasks.settle_alarms")
def settle_alarms() -> int:
    return alarms.settle(now=database_now())


@app.task(name="migrator.rollout.tasks.adopt_overrides")
def adopt_overrides() -> int:
    return overrides.adopt_waiting(now=database_now())


@app.task(name="migrator.rollout.tasks.expire_approvals")
def expire_approvals() -> int:
    return approvals.expire(now=database_now())


@app.task(name="migrator.rollout.tasks.check_ledgers")
def check_ledgers() -> int:
    return auditing.check_all(now=database_now())
