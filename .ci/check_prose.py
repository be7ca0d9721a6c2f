"""Refuse words that make a text hard to read and long first lines of docstrings, and point to each line.

    check_prose.py              the places below; exits with 1 where one is found
    check_prose.py --count P…   how many there are in each folder of these places, for a plan of what to rewrite

Only the standard library. Code in Markdown (blocks, spans, addresses of links) and generated tables are not read.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACES = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "config", "dags", "docs", "include", "plugins"),
    "tests",
)
"""Files, and folders whose files are read."""
SUFFIXES = (".md", ".py", ".html", ".jinja2")
FLYING = ("fly", "flies", "flew", "flown", "flying", "in flight")
BANNED = {
    "whoever": "name the role: a user, a process, an operator",
    "told": "write notified, reported, set, or give the fact itself",
    "stands": "write is, is stored, is listed",
    "beside": "write next to, in addition to, with",
    "anew": "write again",
    "so many": "give the number, or write that many",
    "nobody": "write no one, no user, or say what does not happen",
    "of which": "split the sentence",
    "of whom": "split the sentence",
    **dict.fromkeys(FLYING, "only aircraft fly; a model is in use, or is the champion"),
}
"""Word to what to write instead."""
ALLOWED: dict[str, tuple[str, ...]] = {
    "include/use_cases/flight_delays": FLYING,
    "tests/use_cases/flight_delays": FLYING,
    "tests/properties/test_future.py": FLYING,
    "tests/integration/backends.py": ("nobody",),
    "tests/local/test_services.py": ("nobody",),
    "tests/test_prose.py": tuple(BANNED),
}
"""Folder or file to the words that it may use: aircraft fly, nobody is a user of Unix, a test has banned words."""
FIRST_LINE = 80
"""Most characters of the first line of a docstring."""
DOCUMENTED = ("include", "dags", "plugins")
"""Folders whose docstrings are checked."""
STILL_LONG = (
    *("include/model/", "include/ingestion/ingest", "include/monitoring/definitions.py"),
    "include/declaration/use_case.py",
)
"""Beginnings of paths with docstrings that are still to be shortened."""
GENERATED = re.compile(r"<!-- table: made by .*?<!-- end of table -->", re.DOTALL)
MARKDOWN_CODE = re.compile(
    r"^( *)(```+|~~~+)(?!\{)[^\n]*\n.*?^ *\2[^\n]*$|`[^`\n]+`|(?<=\])\([^)\s]+\)", re.MULTILINE | re.DOTALL
)
LONGEST_FIRST = sorted(BANNED, key=len, reverse=True)
WORDS = re.compile(r"\b(" + "|".join(word.replace(" ", r"\s+") for word in LONGEST_FIRST) + r")\b", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """A banned word in a file."""

    path: str
    line: int
    word: str

    def text(self) -> str:
        return f"{self.path}:{self.line}: {self.word!r}: {BANNED[self.word]}"


def blank(match: re.Match[str]) -> str:
    """Return the match without its text, with its lines."""
    return "\n" * match[0].count("\n")


def banned_words(path: str, text: str) -> list[Finding]:
    """Return the banned words of a text, in order; `path` is relative to the repository."""
    if path.endswith(".md"):
        text = MARKDOWN_CODE.sub(blank, GENERATED.sub(blank, text))
    allowed = {word for place, words in ALLOWED.items() if path.startswith(place) for word in words}
    found = [
        Finding(path, text.count("\n", 0, match.start()) + 1, " ".join(match[1].lower().split()))
        for match in WORDS.finditer(text)
    ]
    return [finding for finding in found if finding.word not in allowed]


def long_first_lines(path: str, text: str) -> list[str]:
    """Return a line for each docstring of a module whose first line has more than `FIRST_LINE` characters."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = (ast.get_docstring(node) or "").partition("\n")[0]
            if len(first) > FIRST_LINE:
                line = node.body[0].lineno
                found.append(f"{path}:{line}: the docstring's first line has {len(first)} characters, not {FIRST_LINE}")
    return found


def check_docstrings(root: Path = ROOT) -> list[str]:
    """Return a line for each long first line of a docstring in `DOCUMENTED`."""
    paths = [path for path in files(DOCUMENTED, root) if path.endswith(".py") and not path.startswith(STILL_LONG)]
    return [found for path in paths for found in long_first_lines(path, (root / path).read_text())]


def files(places: tuple[str, ...], root: Path = ROOT) -> Iterator[str]:
    """Yield the files of prose in these places, relative to the root.

    Raises:
        FileNotFoundError: a place does not exist, so that a renamed folder is not left unchecked.
    """
    for place in places:
        top = root / place
        if not top.exists():
            raise FileNotFoundError(f"{place} of PLACES does not exist; name the folder that it became.")
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and path.suffix in SUFFIXES:
                yield path.relative_to(root).as_posix()


def check(places: tuple[str, ...], root: Path = ROOT) -> list[Finding]:
    """Return every banned word in these places."""
    return [found for path in files(places, root) for found in banned_words(path, (root / path).read_text())]


def counts(findings: list[Finding]) -> list[str]:
    """Return a line for each folder: how many words, and which."""
    by_folder: dict[str, Counter[str]] = {}
    for found in findings:
        by_folder.setdefault(Path(found.path).parent.as_posix(), Counter())[found.word] += 1
    return [
        f"{words.total():5} {folder}: " + ", ".join(f"{word} {number}" for word, number in words.most_common())
        for folder, words in sorted(by_folder.items())
    ]


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--count"]:
        sys.stdout.writelines(f"{line}\n" for line in counts(check(tuple(arguments[1:]) or PLACES)))
        return 0
    findings = [*(found.text() for found in check(PLACES)), *check_docstrings()]
    sys.stderr.writelines(f"{found}\n" for found in findings)
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
