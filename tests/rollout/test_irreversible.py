"""What stays done when writes go down: told by the command, bounded, and never a reason to refuse."""

from django.utils import timezone

from migrator.access.rights import console
from migrator.core.stages import Stage
from migrator.inventory.models import Service, Unit
from migrator.inventory.services import change_unit, save_service
from migrator.rollout.irreversible import SHOWN, left_behind, left_by
from migrator.rollout.queries import last_change
from migrator.rollout.scopes import Scope
from migrator.rollout.services import rollback
from tests.api.conftest import climb, new_unit
from tests.rollout.test_commands import run, service

__all__ = ["service"]
EVERYTHING = Scope(everything=True)


def mails(service: Service, key: str, stage: Stage = Stage.CANARY, **declared: object) -> Unit:
    return climb(change_unit(unit=new_unit(service, key), irreversible=True, **declared), stage)


def test_command__writes_went_down_that_last__names_each_with_its_runbook(service: Service) -> None:
    mails(service, "POST /a", runbook="https://wiki.example.com/a")
    mails(service, "POST /b")
    climb(new_unit(service, "POST /drafts"), Stage.CANARY)
    told = run("rollback", "--all").splitlines()
    assert "Rolled back: 3. Left: 0." in told
    assert [line for line in told if line.startswith("NOT UNDONE")] == [
        "NOT UNDONE: what POST /a did. Runbook: https://wiki.example.com/a",
        "NOT UNDONE: what POST /b did. Runbook: nobody has named one",
    ]
    assert "NOT UNDONE" not in run("rollback", "--all"), "nothing went down this time"


def test_left_by__units_below_and_beyond_a_rollback__are_not_told(service: Service) -> None:
    up = mails(service, "POST /a")
    mails(service, "POST /b", Stage.SIDE_BY_SIDE)
    mails(service, "POST /c", Stage.REMOVED)
    found = left_by(project=service.project, scope=EVERYTHING)
    assert [write.unit_id for write in found.writes] == [up.pk]
    other = save_service(project=service.project, name="other")
    assert not left_by(project=service.project, scope=Scope(service=other))


def test_left_by__many__are_bounded_counted_and_grouped_by_runbook(service: Service) -> None:
    for number in range(SHOWN + 2):
        mails(service, f"POST /{number}", runbook="Binder 3" if number % 2 else "")
    found = left_by(project=service.project, scope=EVERYTHING)
    assert (len(found.writes), found.more) == (SHOWN, 2)
    assert found.by_runbook == (("Binder 3", ("POST /1", "POST /3")), ("", ("POST /0", "POST /2", "POST /4")))


def test_left_behind__by_the_last_change__is_what_it_took_off_the_candidate(service: Service) -> None:
    first = mails(service, "POST /a")
    actor, now = console(name="oncall"), timezone.now()
    rollback(project=service.project, scope=EVERYTHING, actor=actor, reason="", now=now)
    second = mails(service, "POST /b")
    rollback(project=service.project, scope=EVERYTHING, actor=actor, reason="", now=now)
    last = last_change(project=service.project, scope=EVERYTHING)
    assert last is not None
    found = left_behind(project=service.project, last=last)
    assert [write.key for write in found.writes] == [second.key] != [first.key]
