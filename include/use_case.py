"""Export everything that a use case needs for its declaration.

It imports nothing else of `include`.
"""

from include.declaration.calendars import Daily, Hourly, Weekly
from include.declaration.costs import DecisionCosts, OrderCosts
from include.declaration.custom_metric import CustomMetric
from include.declaration.exports import ToFiles, ToSql, Webhook
from include.declaration.feature import Feature
from include.declaration.feature_group import FeatureGroup
from include.declaration.feature_groups import Use
from include.declaration.feeds import Feed
from include.declaration.known import ByColumn, ByPath, ByWindow, FirstSeen
from include.declaration.landing import LandingBucket
from include.declaration.monitoring import Alerts, BaselineLimit, Monitoring, PerformanceLimit, Retraining
from include.declaration.period import Period
from include.declaration.period_column import PARTITION
from include.declaration.retention import Retention
from include.declaration.scoring import Scoring
from include.declaration.sources import Files, Http, NextPage, PageNumber, Sql
from include.declaration.span import OptionalSpan, Span
from include.declaration.suite import FeatureSuite, PredictionSuite, Suite
from include.declaration.task import Binary, Multiclass, Regression
from include.declaration.training_engine import Dask
from include.declaration.use_case import Approval, Label, SearchRange, Training, UseCase
from include.errors import DataError, NotReadyError
from include.evaluation.gates.champion import ChampionGate
from include.evaluation.gates.leakage import LeakageGate
from include.evaluation.gates.metric import Gate
from include.evaluation.gates.robustness import RobustnessGate
from include.evaluation.gates.schema import SchemaGate
from include.evaluation.gates.serving import ServingGate
from include.evaluation.gates.shadow import ShadowGate
from include.evaluation.gates.slice import SliceGate
from include.evaluation.gates.unused_features import UnusedFeaturesGate
from include.settings import downloads_folder

__all__ = [
    "PARTITION",
    "Alerts",
    "Approval",
    "BaselineLimit",
    "Binary",
    "ByColumn",
    "ByPath",
    "ByWindow",
    "ChampionGate",
    "CustomMetric",
    "Daily",
    "Dask",
    "DataError",
    "DecisionCosts",
    "Feature",
    "FeatureGroup",
    "FeatureSuite",
    "Feed",
    "Files",
    "FirstSeen",
    "Gate",
    "Hourly",
    "Http",
    "Label",
    "LandingBucket",
    "LeakageGate",
    "Monitoring",
    "Multiclass",
    "NextPage",
    "NotReadyError",
    "OptionalSpan",
    "OrderCosts",
    "PageNumber",
    "PerformanceLimit",
    "Period",
    "PredictionSuite",
    "Regression",
    "Retention",
    "Retraining",
    "RobustnessGate",
    "SchemaGate",
    "Scoring",
    "SearchRange",
    "ServingGate",
    "ShadowGate",
    "SliceGate",
    "Span",
    "Sql",
    "Suite",
    "ToFiles",
    "ToSql",
    "Training",
    "UnusedFeaturesGate",
    "Use",
    "UseCase",
    "Webhook",
    "Weekly",
    "downloads_folder",
]
