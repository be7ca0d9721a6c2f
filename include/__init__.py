"""Airworthy: the whole life of a batch model on Apache Airflow."""

import os

# Read by OpenMP when LightGBM is imported. Its threads otherwise spin while they wait for each other: where other
# processes want the same cores, a training then takes 20 times as long. The trees are the same.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
