"""Write a repository for a team's own use cases.

It has this product as a pinned dependency.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import jinja2

from include.errors import InvalidRequestError
from include.scaffold.render import TEMPLATES

FOLDER = TEMPLATES / "project"


@dataclass(frozen=True)
class Product:
    """The version of this product that the repository uses."""

    source: str
    """Address or path that git clones."""
    commit: str


def write_project(folder: Path, product: Product) -> list[Path]:
    """Write the files of the repository into an empty or new folder; return them.

    Raises:
        InvalidRequestError: the folder has files.
    """
    if folder.exists() and (not folder.is_dir() or any(path.name != ".git" for path in folder.iterdir())):
        raise InvalidRequestError(f"{folder} is not empty. Name a new folder, or an empty one.")
    environment = jinja2.Environment(  # nosec B701
        loader=jinja2.FileSystemLoader(FOLDER),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - it writes no HTML
    )
    written = []
    for template in sorted(path.relative_to(FOLDER) for path in FOLDER.rglob("*.j2")):
        text = environment.get_template(template.as_posix()).render(
            name=folder.resolve().name, source=product.source, commit=product.commit
        )
        path = folder / template.with_suffix("")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
