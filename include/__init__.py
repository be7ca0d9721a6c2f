"""Airworthy: the whole life of a batch model on Apache Airflow."""
