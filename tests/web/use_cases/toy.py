"""The toy use case with some weeks of metrics."""

from tests.toy_use_case import USE_CASE

__all__ = ["USE_CASE"]
