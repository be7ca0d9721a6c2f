from __future__ import annotations

from include.use_cases.flight_delays.source import outcomes, schedule, weather

__all__ = ["outcomes", "schedule", "weather"]
