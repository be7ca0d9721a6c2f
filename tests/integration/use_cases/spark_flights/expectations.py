from __future__ import annotations

from include.use_cases.flight_delays.expectations import features, outcomes, schedule, weather

__all__ = ["features", "outcomes", "schedule", "weather"]
