"""Register the order in which waiting tasks start.

Airflow stores only strategies of plugins.
"""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from include.orchestration.priority import BackfillsLast


class PriorityPlugin(AirflowPlugin):
    name = "airworthy_priority"
    priority_weight_strategies: ClassVar[list[Any]] = [BackfillsLast]
