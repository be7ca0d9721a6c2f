"""Airflow tasks, a module for each kind of DAG. They translate; they do not think.

Heavy libraries are imported inside the tasks: these modules are read whenever a DAG file is parsed.
"""
