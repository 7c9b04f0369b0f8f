"""A plan tells what an import then does, and writes nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from app.operations.importer.journal import Asked
from app.operations.importer.plan import MAX_TOLD, plan_import
from app.operations.importer.records import Action, Rule
from app.operations.importer.tally import Tally
from tests.operations.importer.conftest import QUIET, bring_in
from tests.support.learner_files import Sizes, make_messages, make_profiles, write_array
from tests.support.rows import snapshot


def test_a_plan_foretells_what_a_messy_import_comes_to(asked: Asked, files: Path) -> None:
    learners = list(make_profiles())
    learners[1]["mastered_words"] += ["好" * 201, 7]
    again = {**learners[1], "mastered_words": ["你好吗"]}
    write_array(files / "child_profiles.json", [*learners, again, {"id": "Nobody"}, 5])
    messages = list(make_messages(Sizes(messages=620, message_characters=5)))
    # Further apart than what goes in together.
    messages += [messages[0], {**messages[1], "content": "other"}, {**messages[2], "role": "robot"}]
    write_array(files / "chat_history.json", messages)
    before = snapshot()

    plan = plan_import(asked, QUIET)

    assert snapshot() == before
    assert plan.tally.files["child_profiles.json"] == {"added": 2, "merged": 1, "quarantined": 2}
    assert plan.tally.files["chat_history.json"] == {"added": 620, "present": 1, "quarantined": 2}
    done = Tally.read(bring_in(asked).run["counts"])
    assert (plan.tally.files, plan.tally.rows) == (done.files, done.rows)
    assert plan.tally.notices == done.notices
    kept_out = [(one.pointer, one.rule) for one in plan.problems if one.action != Action.NOTHING]
    assert kept_out == [
        ("/1/mastered_words/40", Rule.TOO_LONG),
        ("/1/mastered_words/41", Rule.NOT_TEXT),
        ("/3/id", Rule.NOT_A_SLUG),
        ("/3/name", Rule.REQUIRED),
        ("/4", Rule.NOT_AN_OBJECT),
        ("/621", Rule.DIFFERENT_ALREADY_THERE),
        ("/622/role", Rule.NOT_ALLOWED),
    ]


def test_many_problems_of_a_rule_do_not_hide_those_of_another(asked: Asked, files: Path) -> None:
    [message, *_] = make_messages()
    without_time = {**message, "timestamp": None}
    many = [{**without_time, "id": str(number)} for number in range(MAX_TOLD + 5)]
    write_array(files / "chat_history.json", [*many, {**message, "role": "robot"}])

    plan = plan_import(asked, QUIET)

    told = Counter(problem.rule for problem in plan.problems)
    assert (told[Rule.NO_TIME], plan.met[Rule.NO_TIME]) == (MAX_TOLD, MAX_TOLD + 5)
    assert plan.problems[0].rule is Rule.NOT_ALLOWED
