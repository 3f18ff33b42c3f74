"""Remarks on units, and the note for whoever is on call next."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from migrator.access.models import Membership
from migrator.access.rights import Forbidden, Via, person
from migrator.inventory.models import Kind, Project, Unit
from migrator.inventory.services import Invalid, create_unit, save_service
from migrator.rollout.remarks import LONGEST, comment, comments_of, hand_over, newest_hand_over

NOW = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def unit(project: Project) -> Unit:
    service = save_service(project=project, name="main", legacy_url="http://l:1", candidate_url="http://c:1")
    return create_unit(project=project, service=service, key="GET /users", kind=Kind.ENDPOINT, now=NOW)


def test_comment__written__stands_on_top_with_its_author(unit: Unit, oncall: User, engineer: User) -> None:
    for at, user in enumerate((oncall, engineer)):
        actor = person(user=user, project=unit.project, via=Via.PAGE)
        comment(unit=unit, text=f" It is the cache \0{at}. ", actor=actor, now=NOW + timedelta(minutes=at))
    assert [(said.author, said.text) for said in comments_of(unit=unit)] == [
        ("engineer", "It is the cache 1."),
        ("oncall", "It is the cache 0."),
    ]


@pytest.mark.parametrize("text", ["", " \n", "\0", "x" * (LONGEST + 1)])
def test_remark__empty_or_endless__is_refused(text: str, unit: Unit, oncall: User) -> None:
    actor = person(user=oncall, project=unit.project, via=Via.PAGE)
    with pytest.raises(Invalid):
        comment(unit=unit, text=text, actor=actor, now=NOW)
    with pytest.raises(Invalid):
        hand_over(project=unit.project, text=text, actor=actor, now=NOW)


def test_remark__viewer__may_not(unit: Unit, viewer: User) -> None:
    actor = person(user=viewer, project=unit.project, via=Via.PAGE)
    with pytest.raises(Forbidden):
        comment(unit=unit, text="x", actor=actor, now=NOW)
    with pytest.raises(Forbidden):
        hand_over(project=unit.project, text="x", actor=actor, now=NOW)


def test_hand_over__newest__is_the_one_that_stands_also_when_its_author_has_left(unit: Unit, oncall: User) -> None:
    actor = person(user=oncall, project=unit.project, via=Via.PAGE)
    assert newest_hand_over(project=unit.project) is None
    for text in ("Watch feeds.", "Feeds are fine."):
        hand_over(project=unit.project, text=text, actor=actor, now=NOW)
    Membership.objects.all().delete()
    note = newest_hand_over(project=unit.project)
    assert note is not None
    assert (note.author, note.text) == ("oncall", "Feeds are fine.")
