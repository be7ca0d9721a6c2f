"""Reports each use case that cannot be loaded, as the import error of this file; it holds no DAG.

The other files make the DAGs of the use cases that can be loaded, so one broken declaration stops no other use case.
"""

# Airflow only reads files that contain "airflow" and "dag".
from include.errors import BrokenUseCasesError
from include.use_cases import broken_use_cases

if broken := broken_use_cases():
    raise BrokenUseCasesError(broken.values()) from None
