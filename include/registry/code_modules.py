"""Find the modules and data files on which a use case's functions depend.

The engine is `include` without its use cases and feature groups. All other modules that imports reach are the use
case's own, in any folder. The standard library is left out, and installed distributions that neither contain nor
declare the use case.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import sys
import sysconfig
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from include.declaration.data_declaration import DataDeclaration
from include.registry import source_code
from include.registry.source_code import SourceFile
from include.settings import REPOSITORY

_ENGINE, _DECLARED = "include", ("include.use_cases", "include.feature_groups")
_INSTALLED = {"site-packages", "dist-packages"}
_CODE = {".py", ".pyc", ".pyi", ".so"}
_PROSE = {".md", ".rst"}
_DOCUMENTS = ("README", "CHANGELOG", "LICENSE", "LICENCE", "NOTICE", "CONTRIBUTING")
MOST_FILES = 1_000
"""Largest number of data files that are digested for modules outside the use case's package."""


@dataclass(frozen=True)
class Module:
    """A module that can change a result, with the statements that can."""

    name: str
    path: Path
    is_own: bool
    """Whether it belongs to the use case and not to the engine."""
    is_imported: bool
    """Whether it is imported by name, not only as the package of an imported module."""
    body: Sequence[ast.stmt]
    sha256: str = ""
    """Of the text from which the statements are."""

    def imports(self) -> Iterator[str]:
        """Yield the names that its statements import; for the engine only its own."""
        imported = source_code.imports(self.body, self.name, is_package=self.path.name == "__init__.py")
        yield from (name for name in imported if self.is_own or is_within(name, _ENGINE))

    @property
    def names(self) -> set[str]:
        return set[str]().union(*map(source_code.names_in, self.body))


@dataclass(frozen=True)
class Places:
    """The package of a use case's functions, and the module that declares it."""

    package: str
    declared_in: str

    @classmethod
    def from_use_case(cls, use_case: DataDeclaration) -> Places:
        return cls(use_case.package, use_case.declared_in)

    def declare(self, module: str) -> bool:
        """Return whether a declaration in this module belongs to the use case."""
        return module == self.declared_in or is_within(module, self.package)

    def is_own(self, module: str) -> bool:
        """Return whether a module is not part of the engine."""
        engine = is_within(module, _ENGINE) and not module.startswith(tuple(f"{each}." for each in _DECLARED))
        return not engine or is_within(module, self.package)

    def path(self, module: str) -> Path | None:
        """Return the file of a module of the engine or the use case; else None."""
        top, *rest = module.split(".")
        is_named = top in {self.package.partition(".")[0], self.declared_in.partition(".")[0]}
        for root in _roots(top, may_be_installed=is_named):
            if root.is_file() and not rest:
                return root
            place = root.joinpath(*rest)
            for path in (place / "__init__.py", *([place.with_suffix(".py")] if rest else [])):
                if path.is_file():
                    return path
        return None


def is_within(name: str, package: str) -> bool:
    """Return whether a module is this package or a part of it."""
    return name == package or name.startswith(f"{package}.")


def find_modules(places: Places, entries: Iterable[str], is_left_out: Callable[[str], bool]) -> dict[str, Module]:
    """Return the modules that imports reach from `entries`, by name, sorted.

    The module that declares the use case also holds values for alerts and gates only, so only those of its statements
    are included that the other modules name.
    """
    whole = set(entries)
    found: dict[str, Module] = {}
    pending = dict.fromkeys(whole, True)
    while pending:
        name, is_imported = pending.popitem()
        if name in found:
            found[name] = replace(found[name], is_imported=found[name].is_imported or is_imported)
        elif not is_left_out(name) and (path := places.path(name)):
            source = source_code.read_source(path)
            body = () if _is_partial(places, name, source, whole) else _statements(places, name, source)
            module = Module(name, path, places.is_own(name), is_imported, body, source.sha256)
            found[name] = module
            _add(pending, found, module, places)
        if not pending:
            for module in _grown(places, found, whole):
                found[module.name] = module
                _add(pending, found, module, places)
    return dict(sorted(found.items()))


def _add(pending: dict[str, bool], modules: Mapping[str, Module], module: Module, places: Places) -> None:
    """Add a module's imports, and its parent packages.

    Python runs these before it.
    """
    for name in module.imports():
        if name not in modules or not modules[name].is_imported:
            pending[name] = True
    if module.is_own:
        for parent in _parents(module.name):
            if parent not in modules and (places.is_own(parent) or is_within(parent, places.package)):
                pending.setdefault(parent, False)


def names_looked_up(places: Places, modules: Iterable[Module]) -> set[str]:
    """Return the names that `find_modules` looked up to find these modules."""
    names = set[str]()
    for module in modules:
        names |= {module.name, *module.imports(), *(_parents(module.name) if module.is_own else ())}
    return names | {places.package, places.declared_in}


def _is_partial(places: Places, name: str, source: SourceFile, whole: Collection[str]) -> bool:
    """Return whether only some statements of a module are included."""
    named = name in (places.package, places.declared_in) or (places.declare(name) and source.declares)
    return named and name not in whole


def _statements(places: Places, name: str, source: SourceFile) -> Sequence[ast.stmt]:
    return source.clean_body if places.declare(name) and source.declares else source.tree.body


def _grown(places: Places, modules: Mapping[str, Module], whole: Collection[str]) -> list[Module]:
    """Return the partial modules that need more statements.

    Other modules name these statements.
    """
    grown = []
    for module in (module for module in modules.values() if places.declare(module.name)):
        source = source_code.read_source(module.path)
        if not _is_partial(places, module.name, source, whole):
            continue
        others = (other.names for other in modules.values() if other.is_own and other is not module)
        body = source.needed(set[str]().union(*others))
        if source_code.source_digest(body) != source_code.source_digest(module.body):
            grown.append(replace(module, body=body, sha256=source.sha256))
    return grown


def _parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[:length]) for length in range(1, len(parts)))


@functools.cache
def _roots(top: str, *, may_be_installed: bool) -> tuple[Path, ...]:
    """Return the folders or file of a top-level module; import nothing."""
    if top == _ENGINE:
        return (REPOSITORY / _ENGINE,)
    if top in sys.stdlib_module_names and not may_be_installed:
        return ()
    try:
        spec = importlib.util.find_spec(top) if top else None
    except (ImportError, ValueError):
        return ()
    if spec is None:
        return ()
    is_module = spec.submodule_search_locations is None and spec.has_location and spec.origin
    places = map(Path, [spec.origin or ""] if is_module else spec.submodule_search_locations or ())
    return tuple(place for place in places if may_be_installed or not _is_installed(place))


def _is_installed(path: Path) -> bool:
    return not _INSTALLED.isdisjoint(path.parts) or path.is_relative_to(sysconfig.get_path("stdlib"))


def forget_modules() -> None:
    """Clear the cache, so that the next call looks for packages again."""
    _roots.cache_clear()


def texts(own: Iterable[Module]) -> frozenset[str]:
    """Return the strings in the use case's own modules that may name data files.

    Absolute paths and addresses name none.
    """
    found = set[str]().union(*(source_code.texts_in(module.body) for module in own))
    return frozenset(text for text in found if not text.startswith("/") and "://" not in text)


def data_files(places: Places, own: Iterable[Module], texts: Collection[str]) -> dict[str, Path]:
    """Return the files that the use case's own modules may read as constants.

    `texts` are the strings in these modules.

    These are all files in the folder of its package. For other modules they are the files in the module's folder and in
    the subfolders that the code names, up to `MOST_FILES`. A file is included only if the code names it when it is a
    document, when its folder is no package, or when the folder's package is not itself imported.
    """
    found: dict[str, Path] = {}
    for root in _roots(places.package.partition(".")[0], may_be_installed=True):
        folder = root.joinpath(*places.package.split(".")[1:])
        for path in _files(folder, None):
            if not _is_document(path) or _is_named(path, texts):
                found[f"{places.package}/{path.relative_to(folder).as_posix()}"] = path
    outside = (module for module in own if not is_within(module.name, places.package))
    return found | dict(islice((item for module in outside for item in _neighbours(module, texts)), MOST_FILES))


def _neighbours(module: Module, texts: Collection[str]) -> Iterator[tuple[str, Path]]:
    folder = module.path.parent
    is_package = "." in module.name or module.path.name == "__init__.py"
    parts = {part for text in texts for part in text.split("/")}
    for path in _files(folder, parts if is_package else set()):
        only_named = _is_document(path) or not is_package or not module.is_imported
        if not only_named or _is_named(path, texts):
            package = module.name if module.path.name == "__init__.py" else module.name.rpartition(".")[0]
            yield f"{package}/{path.relative_to(folder).as_posix()}", path


def _files(folder: Path, subfolders: Collection[str] | None) -> Iterator[Path]:
    """Yield the data files in a folder and in these subfolders (None: all)."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith((".", "__pycache__")):
            continue
        if path.is_file() and path.suffix not in _CODE:
            yield path
        elif path.is_dir() and (subfolders is None or path.name in subfolders):
            yield from _files(path, None)


def _is_document(path: Path) -> bool:
    return path.suffix in _PROSE or path.name.startswith(_DOCUMENTS)


def _is_named(path: Path, texts: Collection[str]) -> bool:
    """Return whether the code names a file, by name, pattern or ending."""
    ends = {text.rpartition("/")[2] for text in texts if text.endswith(path.suffix)}
    return any(end == path.suffix or fnmatchcase(path.name, end) for end in ends if end)
