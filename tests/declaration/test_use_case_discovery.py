"""A use case that cannot be loaded affects no other one, and its error names file and line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.declaration import use_case_discovery
from include.declaration.names import DAG_KINDS
from include.errors import BrokenUseCaseError, UseCaseUnknownError
from include.settings import REPOSITORY
from tests.refusals import raises

HEALTHY = "from tests.toy_use_case import USE_CASE\n"
RENAMED = "import dataclasses\nfrom tests.toy_use_case import USE_CASE as TOY\n\n"
BROKEN = {
    "syntax": ("USE_CASE = UseCase(\n    name=,\n)\n", "SyntaxError: invalid syntax", 2),
    "missing_import": ("\nimport no_such_library\n", "ModuleNotFoundError: No module named 'no_such_library'", 2),
    "raises": ("\n\nraise RuntimeError('half written')\n", "RuntimeError: half written", 3),
    "exits": ("import sys\n\nsys.exit(3)\n", "SystemExit: 3", 3),
    "skips": ("import pytest\n\npytest.skip('not here', allow_module_level=True)\n", "Skipped: not here", 3),
    "unknown_argument": (
        RENAMED + "USE_CASE = dataclasses.replace(TOY, colour='red')\n",
        "UseCase has no argument 'colour'",
        4,
    ),
    "time_zone": (
        RENAMED + "USE_CASE = dataclasses.replace(TOY, name='time_zone', time_zone='Europe/Berln')\n",
        "time_zone 'Europe/Berln' is not a time zone of the IANA database, such as 'Europe/Berlin'. Did you mean"
        " 'Europe/Berlin'",
        4,
    ),
    "no_time_zone": (RENAMED + "USE_CASE = dataclasses.replace(TOY, time_zone='')\n", "time_zone ''", 4),
    "wrong_type": (
        RENAMED + "USE_CASE = dataclasses.replace(TOY, keys=('id'))\n",
        "keys must be a tuple of text; it is 'id' (str). One element needs a comma: ('id',).",
        4,
    ),
    "text_for_a_date": (
        RENAMED + "USE_CASE = dataclasses.replace(TOY, first_period='2020-01-01')\n",
        "first_period must be Period",
        4,
    ),
    "no_declaration": ("USE_CASE = {'name': 'no_declaration'}\n", "USE_CASE is a dict; it must be a UseCase", None),
    "takes_a_name": (HEALTHY, "each declare a use case named 'toy'. Rename all but one", None),
}
"""Name of a module to its text, what is said of it, and the line that is named."""


@pytest.fixture
def package(tmp_path, monkeypatch, configure, request):
    """A package with the toy use case and every broken one; its name is the test's own, since modules are cached."""
    name = f"cases_{abs(hash(request.node.nodeid))}"
    folder = tmp_path / name
    write(folder, {"toy": HEALTHY, **{module: text for module, (text, _, _) in BROKEN.items()}})
    monkeypatch.syspath_prepend(tmp_path)
    configure(use_case_packages=f"{name},no.such.package")
    yield folder
    for module in [each for each in sys.modules if each.split(".")[0] == name]:
        del sys.modules[module]


def write(folder: Path, modules: dict[str, str]) -> None:
    folder.mkdir()
    for name, text in modules.items():
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(text)
    (folder / "__init__.py").touch()


def test_the_others_are_found_and_every_reason_is_kept(package):
    found, broken = use_case_discovery.discover()
    assert list(found) == ["toy"]
    assert set(broken) == {*BROKEN, "package"}
    assert "ModuleNotFoundError" in broken["package"].reason


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_one_is_refused_with_the_reason_file_and_line(package, name):
    _, reason, line = BROKEN[name]
    with pytest.raises(BrokenUseCaseError) as refused:
        use_case_discovery.load_use_case(name)
    error = refused.value
    assert reason in error.reason
    assert error.where == str(package / name / "__init__.py") + (f":{line}" if line else "")
    assert (error.use_case, error.retryable) == (name, False)
    assert error.reason in str(error) and error.where in str(error)


def test_a_healthy_one_is_loaded_without_importing_the_others(package):
    assert use_case_discovery.load_use_case("toy").name == "toy"
    assert not [
        module for module in sys.modules if module.startswith(f"{package.name}.") and not module.endswith("toy")
    ]


def test_an_unknown_name_is_answered_with_those_there_are(package):
    with raises(UseCaseUnknownError, name="missing", known=("toy",)) as refused:
        use_case_discovery.load_use_case("missing")
    assert "exits" in refused.value.broken


def test_of_two_modules_that_declare_one_name_none_is_taken_unless_it_has_that_name(tmp_path, monkeypatch, configure):
    write(tmp_path / "twice", {"one": HEALTHY, "two": HEALTHY})
    monkeypatch.syspath_prepend(tmp_path)
    configure(use_case_packages="twice")
    found, broken = use_case_discovery.discover()
    assert not found
    assert set(broken) == {"one", "two"}


UNRULY = {
    "lazy": ("def __getattr__(name):\n    raise KeyError(name)\n", "KeyError"),
    "leaves_late": (
        "import sys\ndef __getattr__(name):\n    if name == 'USE_CASE':\n        sys.exit(4)\n"
        "    raise AttributeError(name)\n",
        "SystemExit: 4",
    ),
    "replaces_itself": (
        "import sys\nclass It:\n    @property\n    def USE_CASE(self):\n        raise RuntimeError('lazy')\n"
        "sys.modules[__name__] = It()\n",
        "RuntimeError: lazy",
    ),
    "has_no_file": (
        "import sys\nclass It:\n    USE_CASE = 3\nsys.modules[__name__] = It()\n",
        "USE_CASE is a int; it must be a UseCase",
    ),
    "hides_its_class": (
        "class It:\n    @property\n    def __class__(self):\n        raise RuntimeError('no class')\nUSE_CASE = It()\n",
        "RuntimeError: no class",
    ),
    "speechless": (
        "class Odd(Exception):\n    def __str__(self):\n        raise RuntimeError\nraise Odd\n",
        "Odd: its message cannot be shown, since that raises RuntimeError",
    ),
    "hollow": ("from include.use_case import UseCase\nUSE_CASE = object.__new__(UseCase)\n", "AttributeError"),
    "long": (RENAMED + "USE_CASE = dataclasses.replace(TOY, name='b' * 101)\n", "has 101 characters; use at most 100"),
}
"""Modules that raise only when they are looked at, or that cannot say what they raise."""


@pytest.mark.parametrize("name", UNRULY)
def test_a_module_that_raises_when_it_is_looked_at_hides_no_other(tmp_path, monkeypatch, configure, name):
    text, reason = UNRULY[name]
    write(tmp_path / f"unruly_{name}", {"toy": HEALTHY, name: text})
    monkeypatch.syspath_prepend(tmp_path)
    configure(use_case_packages=f"unruly_{name}")
    found, broken = use_case_discovery.discover()
    assert (list(found), list(broken)) == (["toy"], [name])
    assert reason in broken[name].reason
    with pytest.raises(BrokenUseCaseError):
        use_case_discovery.load_use_case(name)


def test_a_package_that_raises_when_it_is_looked_at_hides_no_other(tmp_path, monkeypatch, configure):
    write(tmp_path / "plain_cases", {"toy": HEALTHY})
    write(tmp_path / "odd_cases", {"toy": HEALTHY})
    (tmp_path / "odd_cases" / "__init__.py").write_text("__path__ = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    configure(use_case_packages="odd_cases,plain_cases")
    found, broken = use_case_discovery.discover()
    assert (list(found), list(broken)) == (["toy"], ["odd_cases"])


def test_a_wrong_part_that_is_never_used_breaks_its_use_case_each_time_it_is_loaded(tmp_path, monkeypatch, configure):
    write(tmp_path / "unused_part", {"toy": HEALTHY, "spare": RENAMED + "from unused_part.spare.parts import GATE\n"})
    (tmp_path / "unused_part" / "spare" / "parts.py").write_text(
        "from include.use_case import Gate\nGATE = Gate('acu', at_least=0.5)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    configure(use_case_packages="unused_part")
    for _ in range(2):
        found, broken = use_case_discovery.discover()
        assert (list(found), list(broken)) == (["toy"], ["spare"])
        assert "Gate.metric: Gate: metric='acu' is not one of" in broken["spare"].reason


def test_parts_in_modules_of_their_own_are_collected_each_time_it_is_loaded(tmp_path, monkeypatch, configure):
    own = "USE_CASE = dataclasses.replace(TOY, owner=3, gates=GATES)\n"
    write(tmp_path / "own_parts", {"wrong": RENAMED + "from own_parts.wrong.parts import GATES\n" + own})
    (tmp_path / "own_parts" / "wrong" / "parts.py").write_text(
        "from include.use_case import Gate\nGATES = (Gate('acu', at_least=0.5), Gate('auc', at_least=2))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    configure(use_case_packages="own_parts")
    for _ in range(2):
        reason = use_case_discovery.discover()[1]["wrong"].reason
        assert [path in reason for path in ("owner: ", "gates[0].metric: ", "gates[1].at_least: ")] == [True] * 3


def test_a_person_who_interrupts_is_not_a_broken_use_case(tmp_path, monkeypatch, configure):
    write(tmp_path / "interrupted", {"one": "raise KeyboardInterrupt\n"})
    monkeypatch.syspath_prepend(tmp_path)
    configure(use_case_packages="interrupted")
    with pytest.raises(KeyboardInterrupt):
        use_case_discovery.discover()


OWN = """
from dataclasses import replace
from include.use_case import UseCase
from tests.toy_use_case import USE_CASE as TOY

FIELDS = {name: getattr(TOY, name) for name in TOY.__dataclass_fields__}
USE_CASE = UseCase(**FIELDS | {"name": "%s", "package": ""})
"""


def test_a_package_of_ones_own_needs_no_other_word_about_where_its_functions_are(tmp_path, monkeypatch, configure):
    write(tmp_path / "my_cases", {"churn": OWN % "churn"})
    (tmp_path / "my_cases" / "churn" / "source.py").write_text("def events(day):\n    return day\n")
    monkeypatch.syspath_prepend(tmp_path)
    configure(use_case_packages="my_cases")
    use_case = use_case_discovery.load_use_case("churn")
    assert use_case.package == "my_cases.churn"
    assert use_case.function("source", "events")("a day") == "a day"
    with pytest.raises(BrokenUseCaseError) as refused:
        use_case.function("features", "build")
    assert refused.value.module == "my_cases.churn.features"
    with pytest.raises(BrokenUseCaseError, match="'outcomes'"):
        use_case.function("source", "outcomes")


def test_the_package_is_the_one_that_declares_it_whatever_module_makes_the_declaration(
    tmp_path, monkeypatch, configure
):
    write(tmp_path / "made_cases", {"churn": "from making import USE_CASE\n"})
    (tmp_path / "making.py").write_text(OWN % "churn")
    monkeypatch.syspath_prepend(tmp_path)
    configure(use_case_packages="made_cases")
    assert use_case_discovery.load_use_case("churn").package == "made_cases.churn"


def test_a_declaration_in_a_single_file_is_advised_what_it_lacks(tmp_path, monkeypatch, configure):
    write(tmp_path / "flat_cases", {})
    (tmp_path / "flat_cases" / "churn.py").write_text(OWN % "churn")
    monkeypatch.syspath_prepend(tmp_path)
    configure(use_case_packages="flat_cases")
    with pytest.raises(BrokenUseCaseError) as refused:
        use_case_discovery.load_use_case("churn")
    assert refused.value.module == "flat_cases.churn" and refused.value.reason.startswith("TypeError")


def test_an_error_in_a_function_file_is_said_with_its_line_and_not_tried_again(tmp_path, monkeypatch, configure):
    write(tmp_path / "late_cases", {"churn": OWN % "churn"})
    features = tmp_path / "late_cases" / "churn" / "features.py"
    features.write_text("import ibis\n\ndef build(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    configure(use_case_packages="late_cases")
    with pytest.raises(BrokenUseCaseError) as refused:
        use_case_discovery.load_use_case("churn").function("features", "build")
    assert refused.value.where == f"{features}:3"


LATE = (
    RENAMED
    + """USE_CASE = dataclasses.replace(TOY, name='late')


class Approval:
    required = False

    @property
    def wait(self):
        raise RuntimeError("not yet")


object.__setattr__(USE_CASE, "approval", Approval())
"""
)
"""A declaration that can be loaded, but those of its DAGs that ask a person cannot be made."""
ASKING = ("train", "retrain", "trial")


@pytest.mark.slow
def test_the_dag_files_make_the_healthy_dags_and_one_file_reports_the_broken_ones(package):
    (package / "late").mkdir()
    (package / "late" / "__init__.py").write_text(LATE)
    code = (
        "from pathlib import Path\nfrom airflow.dag_processing.dagbag import DagBag\n"
        f"dags = Path({str(REPOSITORY / 'dags')!r})\n"
        "bag = DagBag(str(dags), bundle_path=dags, bundle_name='test')\n"
        "print('MADE', sorted(bag.dags)); print(list(bag.import_errors)); print(''.join(bag.import_errors.values()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": f"{REPOSITORY}:{package.parent}"},
    )
    made, errors, report = done.stdout.partition("MADE ")[2].split("\n", 2)
    assert made.count("toy__") == len(DAG_KINDS)
    assert made.count("late__") == len(DAG_KINDS) - len(ASKING)
    assert not [kind for kind in ASKING if f"'late__{kind}'" in made]
    assert errors == "['broken_use_cases.py']"
    for kind in ASKING:
        said = (
            f"The DAG 'late__{kind}' cannot be created: RuntimeError: not yet ({package / 'late' / '__init__.py'}:12)."
        )
        assert said in report
    for name, (_, reason, _) in BROKEN.items():
        assert f"The use case '{name}' cannot be loaded: " in report
        assert reason in report
