"""The steps of the DAGs and their order, without Airflow.

Airflow's tasks and `airworthy run` call the same functions.
"""
