"""Report use cases that cannot be loaded, and DAGs that cannot be made.

This file has no DAG.

The other files make the DAGs that can be made, so a broken declaration affects no other use case. Airflow shows the
report as the import error of this file.
"""

from pathlib import Path

from include.orchestration.dag_files import raise_broken

raise_broken(Path(__file__))  # Airflow only reads files that contain "airflow" and "dag".
