"""Use cases that only the end-to-end test's Airflow knows."""
