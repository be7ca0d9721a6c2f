from __future__ import annotations

from tests.toy_use_case import USE_CASE

__all__ = ["USE_CASE"]
