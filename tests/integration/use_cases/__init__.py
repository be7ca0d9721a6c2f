"""Use cases that only the integration tests' Airflow knows."""
