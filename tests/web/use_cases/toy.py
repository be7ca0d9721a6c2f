"""The toy use case, measured for some weeks."""

from tests.toy_use_case import USE_CASE

__all__ = ["USE_CASE"]
