"""register: every judged run becomes a version, once."""

from dataclasses import replace

import pytest

from include.errors import NotReady
from include.stages import evaluate, register, train
from include.storage.models import Registry
from include.storage.runs import FINGERPRINT
from include.use_case import Gate
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE

STRICT = replace(USE_CASE, gates=(Gate("auc", at_least=0.99),))


def test_a_version_says_where_it_comes_from(trained_toy):
    found = register.run(USE_CASE, trained_toy)
    assert (found.version, found.passed, found.new) == ("1", True, True)
    version = Registry(USE_CASE).version("1")
    run = Registry(USE_CASE).run(trained_toy).data
    assert version.as_of == AS_OF
    for name in (FINGERPRINT, "trees", "commit", "lock", "features.digest", "labels.digest", "verdicts", "window"):
        assert version.tags[name] == run.tags[name]


def test_the_description_has_the_key_numbers_and_the_notice(trained_toy):
    register.run(USE_CASE, trained_toy)
    text = Registry(USE_CASE).version("1").description
    log_loss = Registry(USE_CASE).run(trained_toy).data.metrics["test/log_loss.model"]
    assert f"| model | {log_loss:.4f} |" in text
    assert "tested on 2020-02-22 to 2020-02-28" in text
    assert USE_CASE.notice in text


def test_registering_again_makes_no_second_version(trained_toy):
    first, again = register.run(USE_CASE, trained_toy), register.run(USE_CASE, trained_toy)
    assert (again.version, again.new) == (first.version, False)
    assert [version.number for version in Registry(USE_CASE).versions()] == ["1"]


def test_training_anew_from_equal_inputs_makes_no_second_version(trained_toy):
    register.run(USE_CASE, trained_toy)
    again = train.run(USE_CASE, AS_OF)
    assert again.run_id == trained_toy
    evaluate.run(USE_CASE, again.run_id)
    assert register.run(USE_CASE, again.run_id).version == "1"
    assert len(Registry(USE_CASE).versions()) == 1


def test_a_model_that_did_not_pass_is_registered_and_says_so(trained_toy):
    evaluate.run(STRICT, trained_toy)
    found = register.run(STRICT, trained_toy)
    assert (found.version, found.passed) == ("1", False)
    assert "- **not passed**: Test auc " in Registry(USE_CASE).version("1").description


@pytest.mark.parametrize("gates", [(STRICT, USE_CASE), (USE_CASE, STRICT)], ids=["loosened", "tightened"])
def test_changed_gates_judge_the_version_that_is_there_anew(trained_toy, gates):
    registry = Registry(USE_CASE)
    for use_case in gates:
        evaluate.run(use_case, trained_toy)
        found = register.run(use_case, trained_toy)
        if not found.passed:
            registry.tag_version("1", {register.NOT_PROMOTED: "as it was"})
    version, run = registry.version("1"), registry.run(trained_toy).data
    assert (found.version, found.passed, found.new) == ("1", gates[-1] is USE_CASE, False)
    assert version.tags["verdicts"] == run.tags["verdicts"]
    assert version.tags["passed"] == str(found.passed).lower()
    assert (register.NOT_PROMOTED in version.tags) == (not found.passed)
    assert ("**not passed**" in version.description) == (not found.passed)


def test_of_two_registered_at_once_both_get_the_first(trained_toy, monkeypatch):
    ask, other = Registry.version_of, []

    def beaten(self, fingerprint):
        if not other:  # between our question and our answer, another process registers the same
            other.append(None)
            other.append(register.run(USE_CASE, trained_toy))
            return None
        return ask(self, fingerprint)

    monkeypatch.setattr(Registry, "version_of", beaten)
    found = register.run(USE_CASE, trained_toy)
    assert (other[1].version, other[1].new) == ("1", True)
    assert (found.version, found.new) == ("1", False)
    assert [version.number for version in Registry(USE_CASE).versions()] == ["1", "2"]
    assert register.run(USE_CASE, trained_toy).version == "1"


def test_a_run_without_verdicts_is_not_registered(tracking):
    registry = Registry(USE_CASE)
    run_id = registry.start_run("not judged", {FINGERPRINT: "x"})
    registry.end_run(run_id, failed=False)
    with pytest.raises(NotReady, match="has no verdicts yet; run evaluate"):
        register.run(USE_CASE, run_id)
    assert registry.versions() == []
