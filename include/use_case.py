"""What a use case imports to declare itself; use cases import nothing else of `include`."""

from include.declaration.gates import (
    FeatureValueGate,
    Gate,
    LeakageGate,
    NotWorseThanChampion,
    RobustnessGate,
    SchemaGate,
    ServingGate,
    SliceGate,
)
from include.declaration.landing import Landing
from include.declaration.monitoring import Alerts, BaselineLimit, Monitoring, PerformanceLimit, Retraining
from include.declaration.period import PARTITION
from include.declaration.retention import Retention
from include.declaration.suite import Suite
from include.declaration.use_case import Approval, Costs, Feed, Label, Search, Training, UseCase
from include.errors import DataError, NotReadyError
from include.settings import downloads_folder

__all__ = [
    "PARTITION",
    "Alerts",
    "Approval",
    "BaselineLimit",
    "Costs",
    "DataError",
    "FeatureValueGate",
    "Feed",
    "Gate",
    "Label",
    "Landing",
    "LeakageGate",
    "Monitoring",
    "NotReadyError",
    "NotWorseThanChampion",
    "PerformanceLimit",
    "Retention",
    "Retraining",
    "RobustnessGate",
    "SchemaGate",
    "Search",
    "ServingGate",
    "SliceGate",
    "Suite",
    "Training",
    "UseCase",
    "downloads_folder",
]
