"""register: every judged run becomes a version, once."""

from dataclasses import replace

import pytest

from include.errors import NotReady
from include.stages import evaluate, register, train
from include.storage.models import FINGERPRINT, Registry
from include.use_case import Gate
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE


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
    assert "tested on 2020-02-23 to 2020-02-29" in text
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
    strict = replace(USE_CASE, gates=(Gate("auc", at_least=0.99),))
    evaluate.run(strict, trained_toy)
    found = register.run(strict, trained_toy)
    assert (found.version, found.passed) == ("1", False)
    assert "- **not passed**: Test auc " in Registry(USE_CASE).version("1").description


def test_a_run_without_verdicts_is_not_registered(tracking):
    registry = Registry(USE_CASE)
    run_id = registry.start_run("not judged", {FINGERPRINT: "x"})
    registry.end_run(run_id, failed=False)
    with pytest.raises(NotReady, match="has no verdicts yet; run evaluate"):
        register.run(USE_CASE, run_id)
    assert registry.versions() == []
