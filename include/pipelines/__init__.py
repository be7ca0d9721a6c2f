"""The steps of the DAGs and their order, without Airflow: its tasks and `airworthy run` call the same functions."""
