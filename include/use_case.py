"""What a use case imports to declare itself; use cases import nothing else of `include`."""

from include.declaration.gates import (
    ChampionGate,
    Gate,
    LeakageGate,
    RobustnessGate,
    SchemaGate,
    ServingGate,
    SliceGate,
    UnusedFeaturesGate,
)
from include.declaration.landing import Landing
from include.declaration.monitoring import Alerts, BaselineLimit, Monitoring, PerformanceLimit, Retraining
from include.declaration.period import PARTITION
from include.declaration.retention import Retention
from include.declaration.suite import Suite
from include.declaration.use_case import Approval, DecisionCosts, Feed, Label, SearchRange, Training, UseCase
from include.errors import DataError, NotReadyError
from include.settings import downloads_folder

__all__ = [
    "PARTITION",
    "Alerts",
    "Approval",
    "BaselineLimit",
    "ChampionGate",
    "DataError",
    "DecisionCosts",
    "Feed",
    "Gate",
    "Label",
    "Landing",
    "LeakageGate",
    "Monitoring",
    "NotReadyError",
    "PerformanceLimit",
    "Retention",
    "Retraining",
    "RobustnessGate",
    "SchemaGate",
    "SearchRange",
    "ServingGate",
    "SliceGate",
    "Suite",
    "Training",
    "UnusedFeaturesGate",
    "UseCase",
    "downloads_folder",
]
