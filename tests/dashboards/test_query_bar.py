"""What people type to find units, and what is said of what nobody understands."""

import pytest

from dashboards.query_bar import Limit, ask


def test_bar__every_word__is_understood() -> None:
    asked = ask(text='stage:canary service:x team:"home feed" mismatch:>0.1% risk:money is:stale users', controls={})

    assert asked.values == {"stage": "canary", "service": "x", "team": "home feed", "risk": "money"}
    assert asked.mismatch == Limit(above=True, rate=0.001)
    assert asked.traits == ("stale",)
    assert asked.search == "users"
    assert asked.problems == ()


@pytest.mark.parametrize("text", ["GET /users/{id}", "User.firstName", "$.a:b", "/a:cancel", ""])
def test_bar__part_of_a_key__is_searched_as_it_is(text: str) -> None:
    asked = ask(text=text, controls={})

    assert (asked.search, asked.values, asked.problems) == (text, {}, ())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("colour:red", "“colour:” is no word"),
        ("stage:moon", "“moon” is no stage"),
        ("kind:thing", "endpoint or field"),
        ("mismatch:much", "mismatch:>0.1%"),
        ("mismatch:>200%", "is no limit"),
        ("is:blue", "stale"),
    ],
)
def test_bar__not_understood__says_what_is_known(text: str, told: str) -> None:
    asked = ask(text=text, controls={})

    assert len(asked.problems) == 1
    assert told in asked.problems[0]
    assert asked.bar == text, "it stays there to be corrected"


def test_bar__still_being_typed__is_no_problem() -> None:
    assert ask(text="stage:", controls={}).problems == ()


def test_bar__and_control__what_is_typed_wins() -> None:
    assert ask(text="stage:canary", controls={"stage": "shadow"}).values == {"stage": "canary"}


@pytest.mark.parametrize("written", ["side-by-side", "side_by_side", "Side_By_Side"])
def test_stage__as_people_write_it__is_known(written: str) -> None:
    assert ask(text=f"stage:{written}", controls={}).values == {"stage": "side_by_side"}


def test_bar__written_back__asks_the_same_beside_its_controls() -> None:
    asked = ask(text="stage:canary risk:money mismatch:<0,05% is:write users", controls={})
    again = ask(text=asked.bar, controls={"stage": asked.values["stage"]})

    assert again == asked
    assert "stage:" not in asked.bar
