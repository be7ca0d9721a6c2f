"""Done once in the server of processes: imports, and MLflow's migrations."""

import functools
import logging

import duckdb  # noqa: F401
import matplotlib.pyplot  # noqa: F401
from airflow.providers.amazon.aws.hooks.s3 import S3Hook  # noqa: F401
from mlflow.store.db import utils
from mlflow.store.model_registry import sqlalchemy_store  # noqa: F401
from mlflow.store.tracking import sqlalchemy_store as tracking_store  # noqa: F401

from include.ingestion import data_docs

logging.getLogger("alembic").setLevel(logging.WARNING)
utils._get_latest_schema_revision = functools.cache(utils._get_latest_schema_revision)
data_docs._view()
