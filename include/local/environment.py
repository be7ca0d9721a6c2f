"""Build the environment of local processes: Airflow, its tasks, and MLflow."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from include import settings, task_memory
from include.local import credentials
from include.local.credentials import Credentials
from include.local.instance import Instance
from include.settings import REPOSITORY, Settings

OWN_PATHS = (REPOSITORY, REPOSITORY / "config")
"""Folders of this project from which modules are imported."""
MARK = "AIRWORTHY_INSTANCE"
"""Variable of every process of an instance, with the instance's home as its value; `down` finds them by it."""


def current(instance: Instance) -> dict[str, str]:
    """Return the current environment for a process of `instance`.

    Missing credentials are created.
    """
    return service_environment(
        instance,
        settings.current_settings(),
        credentials.load_or_make(instance),
        os.environ,
        cores=os.cpu_count() or 1,
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
    )


def service_environment(
    instance: Instance, where: Settings, secret: Credentials, base: Mapping[str, str], cores: int, memory_bytes: int
) -> dict[str, str]:
    """Return the whole environment, made from `base`; a pure function.

    Variables in `base` that tune Airflow override the defaults here. Those that name places do not, so that the
    `AIRFLOW_HOME` or database of another Airflow on this machine is never touched.
    """
    return {
        **_tuning(base, cores, memory_bytes),
        **base,
        **_places(instance, where, base),
        **_airflow(instance, secret),
        **_quiet(),
    }


def _tuning(base: Mapping[str, str], cores: int, memory_bytes: int) -> dict[str, str]:
    """Return the defaults; the caller's variables override them."""
    # The default of 32 forks 32 workers; two per core keep it busy while one of them waits for the API.
    at_once = base.get("AIRFLOW__CORE__PARALLELISM", str(min(2 * cores, 32)))
    return {
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__PARALLELISM": at_once,
        # The executor starts tasks in the order in which they are queued. With no more slots in the pool than tasks
        # that run at once, the others wait in the scheduler, which starts the most important ones first.
        "AIRFLOW__CORE__DEFAULT_POOL_TASK_SLOT_COUNT": at_once,
        "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "16",
        "AIRFLOW__CORE__MAX_ACTIVE_RUNS_PER_DAG": "8",
        # Half of the machine: a task that needs more ends with an error, not killed by the kernel.
        task_memory.VARIABLE: f"{memory_bytes / 2 / task_memory.GIGABYTE:.1f}",
        # Tasks of use cases that declare their memory share three quarters of it.
        settings.MACHINE_MEMORY: str(max(1, int(memory_bytes * 0.75 / task_memory.GIGABYTE))),
        # Sensors wait in the triggerer, which runs here.
        "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "AIRFLOW__SCHEDULER__MAX_DAGRUNS_TO_CREATE_PER_LOOP": "20",
        "AIRFLOW__SCHEDULER__MAX_DAGRUNS_PER_LOOP_TO_SCHEDULE": "40",
        # New and changed DAG files are read within seconds; unchanged ones are parsed again after a minute.
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        # The name in the title of Airflow's pages.
        "AIRFLOW__API__INSTANCE_NAME": "Airworthy",
        # Long messages of a log are shown whole.
        "AIRFLOW__API__DEFAULT_WRAP": "True",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": str(min(2, cores)),
        # Its import logs hundreds of lines.
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "great_expectations=WARNING",
        # Several tasks share the cores: by default a library uses one thread.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def _places(instance: Instance, where: Settings, base: Mapping[str, str]) -> dict[str, str]:
    local_hosts = [base.get("no_proxy") or base.get("NO_PROXY") or "", "127.0.0.1", "localhost"]
    no_proxy = ",".join(filter(None, local_hosts))
    return {
        MARK: str(instance.home),
        "AIRWORTHY_HOME": str(instance.home),
        "AIRWORTHY_LAKE": where.lake,
        "AIRWORTHY_DATA_DOCS": where.data_docs,
        "AIRWORTHY_WRITE_DATA_DOCS": str(where.writes_data_docs).lower(),
        "AIRWORTHY_USE_CASE_PACKAGES": ",".join(where.use_case_packages),
        **({"AIRWORTHY_USE_CASES": str(where.use_cases_folder)} if where.use_cases_folder else {}),
        "AIRWORTHY_FEATURE_GROUP_PACKAGES": ",".join(where.feature_group_packages),
        **({"AIRWORTHY_FEATURE_GROUPS": str(where.feature_groups_folder)} if where.feature_groups_folder else {}),
        "AIRWORTHY_AIRFLOW_PORT": str(instance.airflow_port),
        "AIRWORTHY_MLFLOW_PORT": str(instance.mlflow_port),
        "PATH": os.pathsep.join(filter(None, [str(Path(sys.executable).parent), base.get("PATH", os.defpath)])),
        # The caller's entries come last: they may hold packages of use cases.
        "PYTHONPATH": os.pathsep.join(filter(None, [*map(str, OWN_PATHS), base.get("PYTHONPATH", "")])),
        "PYTHONDONTWRITEBYTECODE": "",  # otherwise each task compiles this project again
        "PYTHONUNBUFFERED": "1",
        "SPT_NOENV": "1",  # otherwise setproctitle overwrites the environment, and with it the mark
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "MLFLOW_TRACKING_URI": instance.mlflow_url,
        "MLFLOW_BACKEND_STORE_URI": instance.mlflow_database or f"sqlite:///{instance.home}/mlflow/mlflow.db",
        "MLFLOW_ARTIFACTS_DESTINATION": instance.mlflow_artifacts or f"{instance.home}/mlflow/artifacts",
        # boto3, with which MLflow's server reads S3, reads the region only from this variable.
        **({"AWS_DEFAULT_REGION": region} if (region := base.get("AWS_REGION")) else {}),
    }


def _airflow(instance: Instance, secret: Credentials) -> dict[str, str]:
    options = {
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__FERNET_KEY": secret.fernet_key,
        "CORE__EXECUTION_API_SERVER_URL": f"{instance.airflow_url}/execution/",
        "CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{credentials.USER}:admin,{credentials.VIEWER}:viewer",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(credentials.password_file(instance)),
        "DATABASE__SQL_ALCHEMY_CONN": instance.database,
        "API__HOST": "127.0.0.1",
        "API__PORT": str(instance.airflow_port),
        "API__BASE_URL": instance.airflow_url,
        "API__WORKERS": "1",
        "API__SECRET_KEY": secret.secret_key,
        "API_AUTH__JWT_SECRET": secret.jwt_secret,
        "LOGGING__BASE_LOG_FOLDER": str(instance.logs / "tasks"),
        "LOGGING__COLORED_CONSOLE_LOG": "False",
        # Airflow sets permissions regardless of the umask; a task's log may quote rows.
        "LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
        "LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
        # Into the processor's log, which rotates; files per DAG file and day would not.
        "LOGGING__DAG_PROCESSOR_LOG_TARGET": "stdout",
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(instance.logs / "dag-files"),
        # Logs are read from the shared disk, and health over the API, so no further ports are needed.
        "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
    }
    return {
        "AIRFLOW_HOME": str(instance.airflow_home),
        **{f"AIRFLOW__{option}": value for option, value in options.items()},
    }


def _quiet() -> dict[str, str]:
    """Return variables that turn off telemetry and limit MLflow.

    MLflow gets one process with one worker.
    """
    return {
        "DO_NOT_TRACK": "1",
        "SCARF_ANALYTICS": "false",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # It would log the address for programs; browsers open MLflow by another host name.
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "GX_ANALYTICS_ENABLED": "false",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
