"""How often each kind of part is defective: one row for each kind and day."""

from __future__ import annotations

from include.use_case import Feature, FeatureGroup, Feed, Period

FEATURE_GROUP = FeatureGroup(
    name="kind_quality",
    description="Results of the daily inspections, by kind of part.",
    owner="quality",
    time_zone="UTC",
    first_period=Period("2020-01-01"),
    look_back_periods=2,
    feeds=(
        Feed(
            name="inspections",
            columns={"inspected_on": "date32", "kind": "string", "defects": "int32"},
            keys=("inspected_on", "kind"),
        ),
    ),
    keys=("inspected_on", "kind"),
    period="inspected_on",
    features={
        "defects": Feature("int32", description="Defects that the inspection of the day found."),
        "recent_defects": Feature(
            "float64", description="Mean of the daily defects of three days.", owner="statistics"
        ),
    },
)
