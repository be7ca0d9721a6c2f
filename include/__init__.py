"""Airworthy: the whole life of batch models on Apache Airflow."""

import os

# Read by OpenMP when LightGBM is imported. Otherwise its threads spin while they wait for each other: if other
# processes use the same cores, a training then takes 20 times as long. The trees are the same.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
