"""A source that calls a server with a Variable, with keys of the environment, and with a Connection."""

from __future__ import annotations

import logging

import boto3
import httpx
import pyarrow as pa
from airflow.sdk import BaseHook, Variable

from include.declaration.period import Period
from include.ingestion.bucket import Bucket
from include.orchestration.airflow_connections import CONNECTIONS

log = logging.getLogger(__name__)


def events(period: Period) -> pa.Table:
    """Always refused. What Airflow knows to be secret is logged on top, as people do who look for a mistake."""
    refusals = []
    for ask in (_by_variable, _by_environment, _by_connection):
        try:
            ask()
        except Exception as refused:
            log.exception("refused")
            refusals.append(refused)
    raise RuntimeError(f"{len(refusals)} refusals: {refusals!r}") from refusals[-1]


def _by_variable() -> None:
    key = Variable.get("api_key")
    log.info("asking with the Variable %s", key)
    httpx.get(Variable.get("upstream"), headers={"X-Api-Key": key}, trust_env=False).raise_for_status()


def _by_environment() -> None:
    boto3.client("s3", endpoint_url=Variable.get("upstream"), region_name="us-east-1").list_buckets()


def _by_connection() -> None:
    log.info("asking with the Connection %s", BaseHook.get_connection("aws_default").password)
    Bucket("deliveries", "aws_default", CONNECTIONS).list("")
