"""Airflow tasks, one module per kind of DAG.

They only call the capabilities' functions. Heavy libraries are imported inside the tasks: these modules are imported
whenever a DAG file is parsed.
"""
