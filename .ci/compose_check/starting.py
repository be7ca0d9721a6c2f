"""Checks from an empty machine to healthy services: settings, image, first start, DAGs."""

from __future__ import annotations

import time

from compose_check.context import USE_CASE, Context
from compose_check.errors import CheckFailedError, CommandFailedError, require
from compose_check.shell import wait_until

KINDS = ("data", "train", "score", "monitor", "retrain", "maintenance", "quarantine", "reproduce", "rollback")
AS_COMPOSE = (
    *("run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
    *("--tmpfs=/tmp:mode=1777", "--tmpfs=/var/lib/airworthy:uid=50000,gid=50000,mode=0700"),
)
LIBRARIES = "import lightgbm, duckdb, deltalake, mlflow, great_expectations, celery"


def check_settings(context: Context) -> str:
    """Compose refuses to start without secrets, and accepts its file after `make env`."""
    stack = context.stack
    try:
        stack.compose("config", "--quiet")
    except CommandFailedError as error:
        require("run make env" in error.output, f"Without .env compose does not say what to do: {error}")
    else:
        raise CheckFailedError("compose would start without .env.")
    stack.make_env()
    stack.compose("config", "--quiet")
    return "refused without .env; accepted after `make env`"


def build_image(context: Context) -> str:
    """Build the image, and see that a second build finds nothing to do."""
    stack, started = context.stack, time.monotonic()
    stack.compose("build", "--quiet")
    first = time.monotonic() - started
    built = stack.engine.docker("image", "inspect", "--format", "{{.Id}} {{.Size}}", stack.image).split()
    stack.compose("build", "--quiet")
    again = stack.engine.docker("image", "inspect", "--format", "{{.Id}}", stack.image)
    require(again == built[0], "A second build, with nothing new, made another image.")
    context.measured["size of the image"] = f"{int(built[1]) / 1e9:.2f} GB"
    return f"{first:.0f} s, {context.measured['size of the image']}; a second build found nothing to do"


def check_image(context: Context) -> str:
    """Run the image as compose does: its user owns and writes nothing, and every library loads."""
    stack = context.stack

    def ran(*command: str) -> str:
        return stack.engine.docker(*AS_COMPOSE, stack.image, *command)

    def refused(*command: str) -> bool:
        try:
            ran(*command)
        except CheckFailedError:
            return True
        return False

    require(ran("id", "-u") == "50000", "The image does not run as 50000.")
    require(refused("touch", "/opt/airworthy/written"), "The image's code can be written.")
    require(not ran("find", "/opt/airworthy", "!", "-user", "root"), "The image's user owns some of its code.")
    ran("python", "-c", LIBRARIES)
    require(refused("python", "-c", "import moto"), "The image holds what only developing needs.")
    ran("sh", "-c", 'test -f "$(python -c "import pandas; print(pandas.__cached__)")"')
    return "uid 50000, nothing writable, libraries load, packages compiled, no tools of developers"


def start(context: Context) -> str:
    """Start as documented, and wait until every service is healthy."""
    stack, started = context.stack, time.monotonic()
    context.sampler.start()
    stack.up()
    seconds = time.monotonic() - started
    states = stack.compose("ps", "--format", "{{.Service}} {{.Health}}").splitlines()
    ill = [line for line in states if not line.endswith(" healthy")]
    require(not ill and len(states) == 9, f"Services that are not healthy, of {len(states)}: {ill}")
    size = f"{stack.compose('exec', '--no-TTY', 's3', 'du', '-sk', '/data').split()[0]} kB"
    context.measured["first size of S3's volume"] = size
    context.measured["from nothing to healthy"] = f"{seconds:.0f} s"
    return f"{len(states)} services healthy after {seconds:.0f} s; S3's volume has {size}"


def start_again(context: Context) -> str:
    """Start again, which must replace no container."""
    stack = context.stack
    before, started = stack.compose("ps", "--quiet"), time.monotonic()
    stack.up()
    require(stack.compose("ps", "--quiet") == before, "A second `up` replaced containers.")
    return f"{time.monotonic() - started:.0f} s, every container the same"


def check_dags(context: Context) -> str:
    """Every DAG of the shipped use case is there, and Airflow reports no import error."""
    airflow = context.airflow
    expected = {f"{USE_CASE}__{kind}" for kind in KINDS}

    def names() -> set[str]:
        return {dag["dag_id"] for dag in airflow.call("GET", "/dags", limit=100)["dags"]}

    wait_until(lambda: expected <= names(), f"the DAGs {sorted(expected)}")
    errors = airflow.call("GET", "/importErrors")["import_errors"]
    require(not errors, f"Import errors: {errors}")
    return f"{len(names())} DAGs, no import error"
