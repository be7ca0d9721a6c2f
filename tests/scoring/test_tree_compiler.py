"""pylignum behind its interface: LightGBM's bits, a compilation in private, and failures that say what failed."""

import os
import re
import shutil
from pathlib import Path

import numpy as np
import psutil
import pytest

from include.model import parity
from include.model.predictor import LIGHTGBM
from include.scoring import tree_certificate, tree_compiler
from include.scoring.compiled_predictor import PredictionsDifferError, predict_rows
from include.scoring.tree_compiler import TreeEngineError
from include.settings import REPOSITORY
from tests import boosters
from tests.conftest import SIGNING_KEY
from tests.local.test_supervisor import wait_until
from tests.refusals import raises


def fake_compiler(folder: Path, script: str, monkeypatch) -> None:
    """Put a compiler that runs these lines of a shell before the system's."""
    folder.mkdir()
    (folder / "cc").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "cc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize("name", boosters.OBJECTIVES)
def test_interpreted_trees_return_lightgbms_bits(name):
    subject = boosters.subject_of(name)
    certificate = tree_certificate.certify(subject, tree_compiler.load_trees(boosters.text_of(name)))
    assert certificate.rows > sum(map(len, subject.trees)) * 3


@pytest.mark.parametrize("name", ["binary", "multiclass", "poisson"])
def test_compiled_trees_return_lightgbms_bits(name, tmp_path):
    text = boosters.text_of(name)
    engine = tree_compiler.load_trees(text, tree_compiler.compile_trees(text, tmp_path))
    assert engine.is_compiled and not tree_compiler.load_trees(text).is_compiled
    tree_certificate.certify(boosters.subject_of(name), engine)


@pytest.mark.parametrize("threads", [1, 2])
def test_any_number_of_threads_returns_the_same_bits(threads):
    booster, encoded = boosters.booster_of("binary"), boosters.rows(20_000, seed=1)
    engine = tree_compiler.load_trees(boosters.text_of("binary"))
    found = predict_rows(booster, engine, encoded, threads)
    assert found.tobytes() == LIGHTGBM.predict(booster, encoded, 1).tobytes()


def test_rows_that_pylignum_predicts_otherwise_are_lightgbms():
    """LightGBM reads tiny numbers as 0, so at a threshold of -1e-35 they go another way than by comparison."""
    subject = boosters.subject_of("regression", rounds=20)
    engine = tree_compiler.load_trees(boosters.text_of("regression", rounds=20))
    (encoded,) = parity.rows_of_trees(subject.trees, subject.encoding)
    truth = LIGHTGBM.predict(subject.booster, encoded, 1)
    differing = parity.differing_rows(truth, engine.predict(encoded, 1))
    assert len(differing) and parity.needs_lightgbm(encoded)[differing].all()
    assert parity.differing_rows(truth, predict_rows(subject.booster, engine, encoded, 1)).tolist() == []


def test_an_engine_that_is_asked_for_those_rows_gets_no_certificate(monkeypatch):
    monkeypatch.setattr("include.scoring.compiled_predictor.needs_lightgbm", lambda rows: np.zeros(rows.num_rows, bool))
    engine = tree_compiler.load_trees(boosters.text_of("regression", rounds=20))
    with pytest.raises(PredictionsDifferError):
        tree_certificate.certify(boosters.subject_of("regression", rounds=20), engine)


def test_every_flipped_bit_of_a_leaf_is_noticed_by_the_certificate():
    subject, text = boosters.subject_of("regression", rounds=3), boosters.text_of("regression", rounds=3)
    for tree, splits in enumerate(subject.trees):
        for leaf in range(len(splits) + 1):
            with pytest.raises(PredictionsDifferError) as noticed:
                tree_certificate.certify(
                    subject, tree_compiler.load_trees(boosters.with_flipped_leaf(text, tree, leaf))
                )
            assert 0 < noticed.value.differing < noticed.value.checked


def test_a_certificate_is_checked_again_without_lightgbm(monkeypatch):
    subject, text = boosters.subject_of("multiclass"), boosters.text_of("multiclass")
    certificate = tree_certificate.certify(subject, tree_compiler.load_trees(text))
    tree_certificate.require_certified(subject, tree_compiler.load_trees(text), certificate)
    wrong = tree_compiler.load_trees(boosters.with_flipped_leaf(text, 0, 2))
    with pytest.raises(PredictionsDifferError):
        tree_certificate.require_certified(subject, wrong, certificate)


def test_linear_trees_are_refused():
    with raises(TreeEngineError, "linear"):
        tree_compiler.load_trees(boosters.text_of("linear"))


def test_a_library_for_other_trees_is_refused(tmp_path):
    library = tree_compiler.compile_trees(boosters.text_of("regression"), tmp_path)
    with raises(TreeEngineError):
        tree_compiler.load_trees(boosters.text_of("poisson"), library)


def test_what_is_no_library_is_refused():
    with raises(TreeEngineError):
        tree_compiler.load_trees(boosters.text_of("regression"), b"no library")


def test_two_libraries_are_loaded_at_once(tmp_path):
    engines = {}
    for name in ("regression", "poisson"):
        folder = tmp_path / name
        folder.mkdir()
        text = boosters.text_of(name)
        engines[name] = tree_compiler.load_trees(text, tree_compiler.compile_trees(text, folder))
    for name, engine in engines.items():
        tree_certificate.certify(boosters.subject_of(name), engine)


def test_a_file_that_changes_after_its_check_changes_nothing_that_is_loaded():
    """The library is loaded from memory that no write can reach."""
    with tree_compiler._file_of(b"some bytes") as file, pytest.raises(PermissionError):
        os.pwrite(file.fileno(), b"other", 0)


def test_the_name_of_a_folder_is_no_command(tmp_path):
    """pylignum writes paths into the commands of a shell."""
    folder = tmp_path / "$(touch injected) `touch injected` \"; touch injected; ' "
    folder.mkdir()
    tree_compiler.compile_trees(boosters.text_of("regression"), folder)
    assert [*tmp_path.rglob("injected")] == [] and not (Path.cwd() / "injected").exists()


def test_a_compiler_gets_no_secret_and_writes_nothing_elsewhere(tmp_path, monkeypatch):
    real = shutil.which("cc")
    fake_compiler(tmp_path / "bin", f'env >> "{tmp_path}/environment"\nexec {real} "$@"', monkeypatch)
    folder = tmp_path / "workshop"
    folder.mkdir()
    tree_compiler.compile_trees(boosters.text_of("regression"), folder)
    given = (tmp_path / "environment").read_text()
    assert f"TMPDIR={folder}" in given
    assert SIGNING_KEY in os.environ.values() and SIGNING_KEY not in given


def test_without_a_compiler_the_error_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with raises(TreeEngineError, "cc"):
        tree_compiler.compile_trees(boosters.text_of("regression"), tmp_path)


def test_a_compiler_that_fails_is_named_with_its_reason(tmp_path, monkeypatch):
    fake_compiler(tmp_path / "bin", '[ "$1" = --version ] && exit 0\necho "no space left" >&2; exit 1', monkeypatch)
    folder = tmp_path / "workshop"
    folder.mkdir()
    with raises(TreeEngineError):
        tree_compiler.compile_trees(boosters.text_of("regression"), folder)


def test_a_compiler_that_hangs_is_ended_with_all_that_it_started(tmp_path, monkeypatch):
    script = f'[ "$1" = --version ] && exit 0\necho $$ > "{tmp_path}/pid"\nexec sleep 100000'
    fake_compiler(tmp_path / "bin", script, monkeypatch)
    folder, pid = tmp_path / "workshop", tmp_path / "pid"
    folder.mkdir()
    with raises(TreeEngineError):
        tree_compiler.compile_trees(boosters.text_of("regression"), folder, seconds=3.0)
    # Without a number it was ended before the compiler began.
    wait_until(lambda: not (text := pid.read_text() if pid.exists() else "") or has_ended(int(text)))


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_only_one_module_knows_pylignum():
    sources = [path for place in ("include", "dags", "plugins") for path in (REPOSITORY / place).rglob("*.py")]
    importing = {path.name for path in sources if re.search(r"\b(import|from) lignum\b", path.read_text())}
    assert importing == {"tree_compiler.py"}
