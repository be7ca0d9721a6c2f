"""Empty the caches of functions, so that no cached result hides a call."""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Collection

from include.registry import code_modules

_CACHED = type(functools.cache(len))


def clear_caches(package: str, modules: Collection[str]) -> None:
    """Empty the caches (functools) of a use case's functions and their modules.

    Those that the modules name are emptied too.
    """

    def belongs(name: object) -> bool:
        return code_modules.is_within(str(name), package) or name in modules

    for name, module in list(sys.modules.items()):
        for value in list(vars(module).values()) if belongs(name) else ():
            if hasattr(type(value), "cache_clear"):
                value.cache_clear()
    gc.unfreeze()  # otherwise objects that an executor froze before it forked are missing
    for each in gc.get_objects():  # in classes, closures and lists too
        if type(each) is _CACHED and belongs(getattr(each, "__module__", "")):
            each.cache_clear()
