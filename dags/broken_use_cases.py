"""Report use cases that cannot be loaded, and DAGs that cannot be made.

This file has no DAG.

The other files make the DAGs that can be made, so a broken declaration affects no other use case. Airflow shows the
report as the import error of this file.
"""

# Airflow only reads files that contain "airflow" and "dag".
from pathlib import Path

from include.declaration.use_case_discovery import broken_use_cases
from include.errors import BrokenUseCasesError
from include.orchestration.dag_files import failures

if broken := [*broken_use_cases().values(), *failures(Path(__file__))]:
    raise BrokenUseCasesError(broken) from None
