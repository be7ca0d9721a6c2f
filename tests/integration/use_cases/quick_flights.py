from __future__ import annotations

from tests.end_to_end.use_cases.quick_flights import USE_CASE

__all__ = ["USE_CASE"]
