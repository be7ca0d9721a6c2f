"""Airflow's API server with the page, on one port: no scheduler, and a separate database."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    import uvicorn
    from airflow.api_fastapi.app import create_app
    from airflow.utils.db import initdb

    initdb()
    uvicorn.run(create_app(apps="core"), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
