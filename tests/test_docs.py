"""Commands, targets and links in the documentation exist."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from include.cli.main import app
from include.settings import REPOSITORY

DOCUMENTS = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    REPOSITORY / "CHANGELOG.md",
    REPOSITORY / "SECURITY.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *sorted((REPOSITORY / "include" / "use_cases").rglob("*.md")),
]
CODE = re.compile(r"^```[^\n]*\n(.*?)^```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|`|bin/|worker )airworthy[ \t]+([a-z][^\n#|`]*)", re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)|(?:src|href)=\"([^\"]+)\"")
PLACEHOLDER = re.compile(r"\b(TODO|TBD|FIXME|XXX|lorem ipsum|coming soon|to be written|fill in here)\b", re.IGNORECASE)
IDS = [str(path.relative_to(REPOSITORY)) for path in DOCUMENTS]


def code(text: str) -> str:
    """Only the text in blocks and spans of code."""
    return "\n".join(block or span for block, span in CODE.findall(text))


def targets(makefile: str) -> set[str]:
    return set(re.findall(r"^([a-z][a-z0-9-]*):(?!=)", makefile, re.MULTILINE))


def unknown_targets(text: str, known: set[str]) -> set[str]:
    return set(re.findall(r"\bmake ([a-z][a-z0-9-]*)", code(text))) - known


def anchors(text: str) -> set[str]:
    """The names that a page's headings can be linked by, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(path: Path, text: str) -> list[str]:
    """Relative links and images of a document that lead nowhere."""
    dead = []
    for link in (first or second for first, second in LINK.findall(CODE.sub("", text))):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        page = (path.parent / target) if target else path
        if not page.exists() or (anchor and page.suffix == ".md" and anchor not in anchors(page.read_text())):
            dead.append(link)
    return dead


COMMANDS = typer.main.get_command(app).commands


@pytest.mark.parametrize("path", DOCUMENTS, ids=IDS)
def test_every_make_target_that_is_named_exists(path):
    assert unknown_targets(path.read_text(), targets((REPOSITORY / "Makefile").read_text())) == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=IDS)
def test_every_command_that_is_shown_is_understood(path):
    for shown in COMMAND.findall(path.read_text()):
        name, *arguments = shlex.split(shown)
        assert name in COMMANDS, f"{shown}: there is no command {name}"
        # Parsed as if typed, not run; a name alone names the command; a person fills in `…` and <names>.
        if arguments and not any(argument.startswith(("<", "…")) for argument in arguments):
            understand(COMMANDS[name], name, arguments)


def understand(command, name, arguments):
    """Parse as if typed; of a group, its command too."""
    context = command.make_context(name, list(arguments))
    if isinstance(command, TyperGroup):
        name, command, arguments = command.resolve_command(context, [*context._protected_args, *context.args])
        understand(command, name, arguments)


@pytest.mark.parametrize("path", DOCUMENTS, ids=IDS)
def test_every_relative_link_and_image_leads_somewhere(path):
    assert dead_links(path, path.read_text()) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=IDS)
def test_no_placeholder_is_left(path):
    assert PLACEHOLDER.findall(path.read_text()) == []


def test_the_tree_of_the_readme_has_a_line_for_every_package_and_no_other():
    tree = (REPOSITORY / "README.md").read_text().partition("## The repository")[2].split("```")[1]
    packages = {path.parent.name for path in (REPOSITORY / "include").glob("*/__init__.py")}
    assert set(re.findall(r"^  ([a-z_]+)/ +\S", tree, re.MULTILINE)) == packages
    places = re.findall(r"^([a-z_.]+)/ +\S", tree, re.MULTILINE)
    assert places and [place for place in places if not (REPOSITORY / place).is_dir()] == []


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"airflow"}))
def test_every_command_explains_itself(name):
    done = CliRunner().invoke(app, [name, "--help"])
    assert done.exit_code == 0, done.output
    assert name in done.output
    assert COMMANDS[name].help


def test_airflow_explains_itself_through_the_command_line(lake_home, monkeypatch):
    called = []
    monkeypatch.setattr(os, "execve", lambda program, arguments, environment: called.extend(arguments[1:]))
    CliRunner().invoke(app, ["airflow", "--help"])
    assert called == ["-m", "airflow", "--help"]


def test_what_is_wrong_would_be_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n[a](#a-page) [b](page.md#a-page) [c](gone.md) [d](#gone) ![e](gone.png) [f](https://x.y)\n"
    )
    assert dead_links(page, page.read_text()) == ["gone.md", "#gone", "gone.png"]
    assert unknown_targets("Do make sure: `make it`, or\n```\nA=b make test\nmake that\n```\n", {"test"}) == {
        "it",
        "that",
    }
    assert COMMAND.findall("`.venv/bin/airworthy report x 2013-01-01`") == ["report x 2013-01-01"]
    assert COMMAND.findall("```\nairworthy report x\n```\n`airworthy up`, pg_dump -U airworthy x") == ["report x", "up"]
    assert PLACEHOLDER.search("This is TODO.")
    with pytest.raises(typer.BadParameter):
        COMMANDS["predictions"].make_context("predictions", ["flight_delays", "tomorrow"])
