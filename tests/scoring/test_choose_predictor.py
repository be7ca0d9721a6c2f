"""What evaluates the trees: compiled code if it is certified and genuine, and otherwise what never fails."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from include.model.predictor import LIGHTGBM
from include.scoring import choose_predictor as choosing
from include.scoring import tree_compiler
from include.scoring.choose_predictor import ChosenPredictor, choose_predictor
from include.scoring.compiled_predictor import CompiledPredictor, PredictionsDifferError
from include.scoring.tree_compiler import PYLIGNUM, TreeCompiler, TreeEngineError
from include.settings import REPOSITORY
from include.use_case import Scoring
from tests import boosters
from tests.toy_use_case import USE_CASE

COMPILED = replace(USE_CASE, scoring=Scoring(compiled=True))
SMALL = {"name": "regression", "rounds": 3, "leaves": 6}
SECONDS = 1200


@pytest.fixture(autouse=True)
def forgotten():
    """No engine is kept from one test to the next."""
    choosing._prepare.cache_clear()


def choose(home: Path, compiler: TreeCompiler = PYLIGNUM, **model) -> ChosenPredictor:
    """Choose as a new process does."""
    choosing._prepare.cache_clear()
    return choose_predictor(COMPILED, boosters.model_of(**{**SMALL, **model}), home, compiler)


class CountingCompiler(TreeCompiler):
    """Counts what it compiles, and keeps which libraries were loaded."""

    def __init__(self) -> None:
        vars(self).update(made=[], loaded=[])

    def compile(self, text, folder):
        self.made.append(folder)
        return super().compile(text, folder)

    def load(self, text, library=None):
        self.loaded.append(library)
        return super().load(text, library)


class NoCompiler(TreeCompiler):
    """As on a machine without a C compiler."""

    def path(self):
        return ""

    def compile(self, text, folder):
        raise TreeEngineError("there is no C compiler, cc")


class FailingCompiler(CountingCompiler):
    """Has a compiler that fails."""

    def compile(self, text, folder):
        self.made.append(folder)
        raise TreeEngineError("the compiler failed")


class NotInstalled(TreeCompiler):
    def version(self):
        return ""


class NewerVersion(TreeCompiler):
    def version(self):
        return "9.9"


class OutOfMemory(TreeCompiler):
    def load(self, text, library=None):
        raise MemoryError("no memory")


class WrongCompiler(TreeCompiler):
    """Makes engines of trees with a flipped bit in one leaf."""

    def load(self, text, library=None):
        return super().load(boosters.with_flipped_leaf(text, 1, 3), library)

    def compile(self, text, folder):
        return super().compile(boosters.with_flipped_leaf(text, 1, 3), folder)


class WrongInterpreter(NoCompiler):
    def load(self, text, library=None):
        return super().load(boosters.with_flipped_leaf(text, 1, 3))


class ChangedMachine(TreeCompiler):
    """Evaluates trees otherwise than when they were certified."""

    def load(self, text, library=None):
        return super().load(boosters.with_flipped_leaf(text, 2, 1))


def stored(home: Path, suffix: str) -> Path:
    (path,) = (home / "compiled").glob(f"*{suffix}")
    return path


def is_compiled(chosen: ChosenPredictor) -> bool:
    predictor = chosen.predictor
    return isinstance(predictor, CompiledPredictor) and all(each.is_compiled for each in predictor.engines.values())


def test_a_use_case_that_declares_nothing_is_predicted_by_lightgbm(tmp_path):
    chosen = choose_predictor(USE_CASE, boosters.model_of(), tmp_path)
    assert (chosen.predictor, chosen.is_fallback) == (LIGHTGBM, False)
    assert [*tmp_path.iterdir()] == []


def test_trees_are_compiled_once(tmp_path):
    compiler = CountingCompiler()
    first, again = choose(tmp_path, compiler), choose(tmp_path, compiler)
    assert is_compiled(first) and is_compiled(again) and not again.is_fallback
    assert len(compiler.made) == 1


def test_what_is_stored_is_private(tmp_path):
    umask = os.umask(0)
    try:
        choose(tmp_path)
    finally:
        os.umask(umask)
    folder = tmp_path / "compiled"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir() if path.suffix != ".lock"} == {0o600}
    assert {path.suffix for path in folder.iterdir()} == {".json", ".so", ".lock"}


def test_every_model_of_an_interval_is_compiled(tmp_path):
    chosen = choose(tmp_path, rounds=6, leaves=12, ends="quantile")
    assert is_compiled(chosen) and len(chosen.predictor.engines) == 3
    model = replace(boosters.model_of("regression", ends="quantile"), predictor=LIGHTGBM)
    compiled = replace(model, predictor=choose_predictor(COMPILED, model, tmp_path).predictor)
    encoded = boosters.rows(500, seed=3)
    assert compiled.predict_encoded(encoded).values.tobytes() == model.predict_encoded(encoded).values.tobytes()


def test_a_model_with_a_part_that_pylignum_cannot_read_is_lightgbms(tmp_path):
    for _ in range(2):  # the second time, by the record
        chosen = choose(tmp_path, name="regression", ends="linear")
        assert (chosen.predictor, chosen.is_fallback) == (LIGHTGBM, True)
        assert "linear" in chosen.text


def test_without_pylignum_lightgbm_predicts(tmp_path):
    chosen = choose(tmp_path, NotInstalled())
    assert (chosen.predictor, chosen.is_fallback) == (LIGHTGBM, True)
    assert "pylignum" in chosen.text and [*tmp_path.iterdir()] == []


def test_without_a_compiler_trees_are_interpreted_until_there_is_one(tmp_path):
    for _ in range(2):
        chosen = choose(tmp_path, NoCompiler())
        assert isinstance(chosen.predictor, CompiledPredictor) and not is_compiled(chosen)
        assert chosen.is_fallback and "interpreter" in chosen.text and "cc" in chosen.text
    assert is_compiled(choose(tmp_path))


def test_a_compiler_that_fails_is_not_tried_again(tmp_path):
    compiler = FailingCompiler()
    for _ in range(2):
        chosen = choose(tmp_path, compiler)
        assert isinstance(chosen.predictor, CompiledPredictor) and not is_compiled(chosen)
        assert "the compiler failed" in chosen.text
    assert len(compiler.made) == 1


def test_a_compiled_library_is_used_where_there_is_no_compiler(tmp_path):
    choose(tmp_path)
    assert is_compiled(choose(tmp_path, NoCompiler()))


@pytest.mark.parametrize("damage", ["changed", "cut", "foreign"])
def test_a_library_with_other_bytes_is_never_loaded(tmp_path, damage):
    choose(tmp_path)
    library = stored(tmp_path, ".so")
    genuine = library.read_bytes()
    damaged = {"changed": genuine[:-1] + bytes([genuine[-1] ^ 1]), "cut": genuine[:500], "foreign": b"foreign code"}
    library.write_bytes(damaged[damage])
    compiler = CountingCompiler()
    assert is_compiled(choose(tmp_path, compiler))
    assert damaged[damage] not in compiler.loaded and library.read_bytes() == genuine


@pytest.mark.security
@pytest.mark.parametrize("forgery", ["library", "key", "other keys", "no record", "no signature", "no JSON"])
def test_a_record_that_this_installation_did_not_sign_loads_nothing(tmp_path, configure, forgery):
    choose(tmp_path)
    record, library = stored(tmp_path, ".json"), stored(tmp_path, ".so")
    values = json.loads(record.read_text())
    if forgery == "library":
        library.write_bytes(b"foreign code")
        values["library"] = hashlib.sha256(b"foreign code").hexdigest()
    elif forgery == "key":
        values["key"] = "0" * 64
    elif forgery == "no signature":
        del values["mac"]
    record.write_text("{" if forgery == "no JSON" else json.dumps(values))
    if forgery == "other keys":
        configure(signing_keys="another key that is long enough for a test")
    elif forgery == "no record":
        record.unlink()
    compiler = CountingCompiler()
    assert is_compiled(choose(tmp_path, compiler)) and len(compiler.made) == 1
    assert is_compiled(choose(tmp_path, compiler)) and len(compiler.made) == 1


@pytest.mark.security
def test_a_genuine_record_of_other_trees_loads_nothing(tmp_path):
    choose(tmp_path, name="poisson")
    other, library = stored(tmp_path, ".json").read_text(), stored(tmp_path, ".so").read_bytes()
    for path in (tmp_path / "compiled").iterdir():
        path.unlink()
    choose(tmp_path, name="regression")
    stored(tmp_path, ".json").write_text(other)
    stored(tmp_path, ".so").write_bytes(library)
    compiler = CountingCompiler()
    assert is_compiled(choose(tmp_path, compiler, name="regression")) and len(compiler.made) == 1


@pytest.mark.parametrize("wrong", [WrongCompiler(), WrongInterpreter()])
def test_an_engine_with_another_bit_is_refused_for_good(tmp_path, wrong):
    chosen = choose(tmp_path, wrong)
    assert (chosen.predictor, chosen.is_fallback) == (LIGHTGBM, True)
    assert "other bits" in chosen.text
    compiler = CountingCompiler()
    assert choose(tmp_path, compiler).predictor is LIGHTGBM and compiler.made == []
    for path in (tmp_path / "compiled").iterdir():
        path.unlink()
    assert is_compiled(choose(tmp_path, compiler))


def test_an_engine_that_changed_since_its_certificate_is_refused(tmp_path):
    """As after a change of the machine or of a library of the system."""
    choose(tmp_path)
    assert choose(tmp_path, ChangedMachine()).predictor is LIGHTGBM
    assert choose(tmp_path).predictor is LIGHTGBM


def test_a_certificate_about_other_rows_is_made_again(tmp_path, monkeypatch):
    choose(tmp_path)
    before = json.loads(stored(tmp_path, ".json").read_text())["certificate"]
    monkeypatch.setattr("include.model.parity.RANDOM_ROWS", 500)
    assert is_compiled(choose(tmp_path))
    after = json.loads(stored(tmp_path, ".json").read_text())["certificate"]
    assert after["rows"] < before["rows"]


def test_another_version_of_a_library_gets_another_engine(tmp_path):
    choose(tmp_path)
    choose(tmp_path, NewerVersion())
    assert len([*(tmp_path / "compiled").glob("*.so")]) == 2


def test_a_home_that_cannot_be_written_to_interprets_the_trees(tmp_path):
    (tmp_path / "compiled").write_text("a file in its place")
    chosen = choose(tmp_path)
    assert isinstance(chosen.predictor, CompiledPredictor) and not is_compiled(chosen)
    assert chosen.is_fallback and str(tmp_path / "compiled") in chosen.text


def test_a_full_disk_interprets_the_trees(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("include.scoring.engine_store.EngineStore._replace", fail)
    chosen = choose(tmp_path)
    assert isinstance(chosen.predictor, CompiledPredictor) and not is_compiled(chosen)
    assert "No space left on device" in chosen.text


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "compiled").symlink_to(elsewhere)
    assert not is_compiled(choose(tmp_path))
    assert [*elsewhere.iterdir()] == []


def test_an_error_of_pylignum_that_is_not_known_is_a_reason_too(tmp_path):
    chosen = choose(tmp_path, OutOfMemory())
    assert (chosen.predictor, chosen.is_fallback) == (LIGHTGBM, True)
    assert "no memory" in chosen.text


def test_the_sample_notices_another_bit(tmp_path):
    booster = boosters.booster_of("regression", leaves=3, rounds=1)
    text = boosters.with_flipped_leaf(boosters.text_of("regression", leaves=3, rounds=1), 0, 1)
    predictor = CompiledPredictor({booster: tree_compiler.load_trees(text)})
    with pytest.raises(PredictionsDifferError) as noticed:
        predictor.predict(booster, boosters.rows(10_000), 1)
    assert noticed.value.checked == 100 and noticed.value.differing


CHOOSE = """
    import sys
    from pathlib import Path
    from tests.scoring import test_choose_predictor as test
    chosen = test.choose(Path(sys.argv[1]))
    print(test.is_compiled(chosen))
"""


def start(home: Path, path: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHOOSE), str(home)],
        cwd=REPOSITORY,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def path_with_compiler(folder: Path, script: str) -> str:
    """A PATH whose compiler runs these lines before the system's."""
    real = next(place for each in os.environ["PATH"].split(":") if (place := Path(each, "cc")).is_file())
    folder.mkdir(exist_ok=True)
    (folder / "cc").write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit 0\n{script}\nexec {real} "$@"\n')
    (folder / "cc").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.slow
def test_two_processes_at_once_compile_once(tmp_path):
    path = path_with_compiler(tmp_path / "bin", f'case "$*" in *-shared*) echo one >> "{tmp_path}/compiled_by";; esac')
    processes = [start(tmp_path / "home", path) for _ in range(3)]
    assert [process.communicate(timeout=SECONDS)[0].strip() for process in processes] == ["True"] * 3
    assert (tmp_path / "compiled_by").read_text().split() == ["one"]


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_compiles_leaves_nothing_that_is_used(tmp_path):
    path = path_with_compiler(tmp_path / "bin", f'echo $$ > "{tmp_path}/begun"\nexec sleep 100000')
    process = start(tmp_path / "home", path)
    deadline = time.monotonic() + SECONDS
    while not ((tmp_path / "begun").exists() and (tmp_path / "begun").read_text().strip()):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    os.kill(int((tmp_path / "begun").read_text()), signal.SIGKILL)  # a real compiler would end by itself
    process.communicate(timeout=SECONDS)
    left = [path for path in (tmp_path / "home" / "compiled").iterdir() if path.is_dir()]
    assert len(left) == 1
    assert is_compiled(choose(tmp_path / "home"))
    assert [path for path in (tmp_path / "home" / "compiled").iterdir() if path.is_dir()] == []
