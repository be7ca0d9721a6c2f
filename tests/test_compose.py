"""Rules for each service in docker-compose.yaml, for the Dockerfile and for their secrets."""

from __future__ import annotations

import base64
import http.server
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from config import env, healthy
from include.local import compose_init
from include.settings import REPOSITORY
from tests.integration import compose

PATH = REPOSITORY / "docker-compose.yaml"
TEXT = PATH.read_text()
EXAMPLE = (REPOSITORY / ".env.example").read_text()
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = {name for name, service in SERVICES.items() if service["image"].startswith("airworthy:")}
EVERY = pytest.mark.parametrize("name", SERVICES)
DIGEST = re.compile(r"^[\w./-]+:\d[\w.-]*@sha256:[0-9a-f]{64}$")
STORES = {"postgres", "redis", "s3", "mlflow"}
"""What has no users of its own, or none that a person should be."""


def secrets() -> dict[str, str]:
    """What `make env` writes."""
    return dict(env.SETTING.findall(env.filled(EXAMPLE)))


@EVERY
def test_an_image_is_one_version_and_no_other(name: str):
    image = SERVICES[name]["image"]
    assert "latest" not in image
    assert name in OURS or DIGEST.match(image)


@EVERY
def test_a_service_says_whether_it_is_healthy(name: str):
    check = SERVICES[name]["healthcheck"]
    if name == "init":  # it ends
        assert check == {"disable": True}
    else:
        assert check["test"][0] in ("CMD", "CMD-SHELL")
        assert {"interval", "timeout", "retries", "start_period"} <= set(check)


@EVERY
def test_a_service_can_take_only_its_share_of_the_machine(name: str):
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    assert set(limits) == {"cpus", "memory", "pids"}
    assert float(limits["cpus"]) > 0


@EVERY
def test_a_service_comes_back_by_itself_but_for_the_one_that_ends(name: str):
    assert SERVICES[name]["restart"] == ("no" if name == "init" else "unless-stopped")


@EVERY
def test_no_one_is_root_and_nothing_can_be_written_but_what_is_named(name: str):
    service = SERVICES[name]
    assert service["user"] not in ("root", "0", "0:0")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "devices", "pid", "network_mode"} & set(service)


@EVERY
def test_no_folder_of_the_host_is_handed_in(name: str):
    for volume in SERVICES[name].get("volumes", []):
        assert volume.split(":")[0] in FILE["volumes"]


@EVERY
def test_only_airflow_is_published_and_only_on_loopback(name: str):
    ports = SERVICES[name].get("ports", [])
    assert ports == (["127.0.0.1:${AIRWORTHY_AIRFLOW_PORT:-8080}:8080"] if name == "api-server" else [])


@pytest.mark.parametrize("name", sorted(STORES - OURS))
def test_the_stores_have_no_way_out(name: str):
    assert SERVICES[name]["networks"] == ["inside"]
    assert FILE["networks"]["inside"] == {"internal": True}


@EVERY
def test_logs_cannot_fill_the_disk(name: str):
    assert set(SERVICES[name]["logging"]["options"]) == {"max-size", "max-file"}


@pytest.mark.parametrize("name", sorted(OURS - {"init"}))
def test_a_service_waits_until_what_it_needs_is_ready(name: str):
    waits = {other: how["condition"] for other, how in SERVICES[name]["depends_on"].items()}
    assert waits["init"] == "service_completed_successfully"
    assert {how for other, how in waits.items() if other != "init"} == {"service_healthy"}
    assert waits.get("mlflow" if name == "worker" else "postgres") == "service_healthy"


def test_workers_can_be_many():
    assert not {"container_name", "hostname", "ports"} & set(SERVICES["worker"])


def test_without_make_env_compose_refuses_and_says_what_to_do():
    how = re.findall(r"\$\{(\w+)([^}]*)\}", TEXT)
    assert {name for name, rest in how if rest == ":?run make env"} == set(secrets())
    assert {rest for name, rest in how if name in secrets()} == {":?run make env"}
    for name in secrets():
        rest = {other: value for other, value in secrets().items() if other != name}
        with pytest.raises(compose.MissingError, match=f"{name}: run make env"):
            compose.read(PATH, rest)


def test_no_secret_is_in_the_file_or_in_the_example():
    assert not re.findall(r"(?i)^\s*\S*(?:password|secret|key)\S*: (?!\$|&|\*)\S", TEXT, re.MULTILINE)
    assert all(value == "" for name, value in env.SETTING.findall(EXAMPLE))


def test_every_component_of_airflow_gets_the_same_settings():
    first = SERVICES["scheduler"]["environment"]
    for name in ("api-server", "dag-processor", "triggerer", "worker"):
        assert SERVICES[name]["environment"] == first
    assert first.items() <= SERVICES["init"]["environment"].items()


def test_a_store_gets_no_secret_but_its_own():
    read = compose.read(PATH, (known := secrets()))
    given = {name: {secret for secret, value in known.items() if value in str(read[name])} for name in read}
    assert given["postgres"] == {"POSTGRES_PASSWORD"}
    assert given["redis"] == {"REDIS_PASSWORD"}
    assert given["s3"] == {"AIRWORTHY_S3_ACCESS_KEY", "AIRWORTHY_S3_SECRET_KEY"}
    assert given["mlflow"] == {"MLFLOW_DATABASE_PASSWORD", "AIRWORTHY_S3_ACCESS_KEY", "AIRWORTHY_S3_SECRET_KEY"}
    owners = {name for name in given if "POSTGRES_PASSWORD" in given[name] or "AIRWORTHY_ADMIN_PASSWORD" in given[name]}
    assert owners == {"postgres", "init"}


def test_mlflow_answers_only_to_its_names_and_runs_no_jobs():
    command = SERVICES["mlflow"]["command"]
    assert command[command.index("--allowed-hosts") + 1] == "mlflow:5000,localhost:*,127.0.0.1:*"
    assert SERVICES["mlflow"]["environment"]["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


def test_a_setting_of_the_example_is_one_that_compose_reads():
    named = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", EXAMPLE, re.MULTILINE))
    read = set(re.findall(r"\$\{(\w+)[:}?-]", TEXT))
    assert named == read


def test_another_s3_needs_settings_alone():
    chosen = {"AIRWORTHY_S3_ENDPOINT_URL": "https://s3.eu-central-1.amazonaws.com", "AIRWORTHY_LAKE": "s3://mine/lake"}
    worker = compose.read(PATH, secrets() | chosen)["worker"].environment
    assert worker["AWS_ENDPOINT_URL"] == chosen["AIRWORTHY_S3_ENDPOINT_URL"]
    assert worker["AIRWORTHY_LAKE"] == "s3://mine/lake"


def test_the_keys_that_an_operator_has_for_amazon_stay_out():
    shell = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION"), "mine")
    known = secrets()
    assert compose.read(PATH, known | shell) == compose.read(PATH, known)


def test_the_address_that_airflow_gives_out_is_the_one_that_is_published():
    address = "AIRFLOW__API__BASE_URL"
    for chosen, expected in (
        ({}, "http://127.0.0.1:8080"),
        ({"AIRWORTHY_AIRFLOW_PORT": "9090"}, "http://127.0.0.1:9090"),
        ({"AIRWORTHY_AIRFLOW_PORT": "9090", "AIRWORTHY_AIRFLOW_URL": "https://a.example"}, "https://a.example"),
    ):
        assert compose.read(PATH, secrets() | chosen)["api-server"].environment[address] == expected


def test_the_image_is_built_once_and_asked_of_no_registry():
    assert [name for name, service in SERVICES.items() if "build" in service] == ["init"]
    assert {SERVICES[name]["image"] for name in OURS} == {"airworthy:${AIRWORTHY_TAG:-local}"}
    assert {SERVICES[name]["pull_policy"] for name in OURS} == {"never"}


def test_s3_allocates_no_more_than_is_written():
    assert "-master.volumeSizeLimitMB=256" in SERVICES["s3"]["command"]


def test_a_worker_has_folders_of_its_own_on_named_volumes():
    command = SERVICES["worker"]["command"]
    assert command[:2] == ["python", "/opt/airworthy/config/run_component.py"]
    folders = [command[command.index(option) + 1] for option in ("--scratch", "--logs")]
    assert [volume.split(":")[1] for volume in SERVICES["worker"]["volumes"]] == folders
    assert command[-3:] == ["airflow", "celery", "worker"]
    made = re.search(r"install --directory --owner=airworthy(?:.|\\\n)+?\n(?!\s)", dockerfile())
    assert made and all(folder in made[0] for folder in folders)  # else a volume would belong to root


@EVERY
def test_no_volume_is_without_a_name(name: str):
    assert all(":" in volume for volume in SERVICES[name].get("volumes", []))


def test_a_log_that_was_not_sent_is_kept():
    assert SERVICES["worker"]["environment"]["AIRFLOW__LOGGING__DELETE_LOCAL_LOGS"] == "False"


THREADS_OF_A_TASK = 276
"""Half of the most that a worker with two tasks had in an engine; `make compose-check` looks again."""


def test_a_worker_may_have_the_threads_of_its_tasks_twice_over():
    limit = SERVICES["worker"]["deploy"]["resources"]["limits"]["pids"]
    default = int(compose.filled(str(SERVICES["worker"]["environment"]["AIRFLOW__CELERY__WORKER_CONCURRENCY"]), {}))
    for concurrency in (default, 7):
        assert 2 * THREADS_OF_A_TASK * concurrency < limit


def test_of_s3_only_the_port_that_asks_for_keys_can_be_reached():
    command = SERVICES["s3"]["command"]
    assert {"-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.ip.bind=0.0.0.0"} <= set(command)
    assert not [each for each in command if "0.0.0.0" in each and not each.startswith("-s3.")]


def test_redis_refuses_to_grow_before_the_kernel_ends_it():
    command = SERVICES["redis"]["command"]
    most = int(command[command.index("--maxmemory") + 1].removesuffix("mb"))
    assert most < int(SERVICES["redis"]["deploy"]["resources"]["limits"]["memory"].removesuffix("m"))
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


# -- the Dockerfile


def dockerfile() -> str:
    return (REPOSITORY / "Dockerfile").read_text()


def test_the_image_is_built_on_one_base_that_can_be_replaced():
    [base] = re.findall(r"^ARG BASE=(\S+)$", dockerfile(), re.MULTILINE)
    assert DIGEST.match(base)
    assert set(re.findall(r"^FROM (\S+)", dockerfile(), re.MULTILINE)) == {"${BASE}"}


def test_the_lock_is_installed_before_the_code_is_copied():
    text = dockerfile()
    assert text.index("bootstrap.py --runtime") < text.index("COPY include")
    assert text.index("COPY requirements.txt ./") < text.index("bootstrap.py --runtime")


def test_the_image_runs_as_somebody_who_owns_none_of_its_code():
    assert dockerfile().rindex("USER 50000:50000") > dockerfile().rindex("COPY")
    assert "--chown" not in dockerfile()


def test_what_the_dockerfile_copies_is_all_that_docker_is_given():
    given = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile(), re.MULTILINE)
    assert {name.split("/")[0] for names in copied for name in names.split()} == given
    assert (REPOSITORY / ".dockerignore").read_text().splitlines()[1] == "*"


@pytest.mark.parametrize(
    "command",
    [
        ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yaml"],
        ["hadolint", "Dockerfile"],
    ],
    ids=["compose", "dockerfile"],
)
def test_the_linters_find_nothing(command: list[str]):
    program = Path(sys.executable).parent / command[0]
    done = subprocess.run([program, *command[1:]], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_misspelled_key_would_be_found(tmp_path: Path):
    wrong = tmp_path / "docker-compose.yaml"
    wrong.write_text(TEXT.replace("healthcheck:", "healtcheck:", 1))
    program = Path(sys.executable).parent / "check-jsonschema"
    done = subprocess.run([program, "--builtin-schema", "vendor.compose-spec", wrong], capture_output=True, text=True)
    assert done.returncode == 1
    assert "healtcheck" in done.stdout


# -- make env


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / ".env.example").write_text(EXAMPLE)
    return tmp_path


def settings_of(checkout: Path) -> dict[str, str]:
    return dict(env.SETTING.findall((checkout / ".env").read_text()))


def test_the_secrets_are_random_and_for_their_owner_alone(checkout: Path):
    said = env.main(checkout)
    assert "new secrets" in said
    assert (checkout / ".env").stat().st_mode & 0o777 == 0o600
    values = list(settings_of(checkout).values())
    assert len(set(values)) == len(values) == 12
    assert min(map(len, values)) >= 20
    assert not any(value in said for value in values)
    assert set(values).isdisjoint(secrets().values())


def test_a_second_time_changes_nothing(checkout: Path):
    env.main(checkout)
    before = (checkout / ".env").read_bytes()
    assert "nothing was changed" in env.main(checkout)
    assert (checkout / ".env").read_bytes() == before


def test_a_secret_that_is_new_is_added_and_the_others_stay(checkout: Path):
    env.main(checkout)
    before = settings_of(checkout)
    kept = [line for line in (checkout / ".env").read_text().splitlines() if not line.startswith("REDIS_PASSWORD")]
    (checkout / ".env").write_text("\n".join([*kept, "REDIS_PASSWORD=", "AWS_REGION=eu-central-1"]))
    assert "Added" in env.main(checkout)
    after = settings_of(checkout)
    assert after.pop("AWS_REGION") == "eu-central-1"
    assert len(after.pop("REDIS_PASSWORD")) == 64
    before.pop("REDIS_PASSWORD")
    assert after == before
    assert (checkout / ".env").read_text().count("REDIS_PASSWORD=") == 1


def test_the_secrets_can_be_used_in_addresses_and_command_lines_and_are_long_enough():
    made = secrets()
    assert len(base64.urlsafe_b64decode(made.pop("AIRFLOW_FERNET_KEY"))) == 32
    assert all(re.fullmatch(r"[0-9a-f]+", value) for value in made.values())
    assert len(made["AIRFLOW_JWT_SECRET"]) >= 64  # what HS512 signs with


def test_a_secret_that_an_address_would_misread_is_refused_before_anything_is_written(tmp_path: Path):
    (tmp_path / ".env.example").write_text(EXAMPLE)
    (tmp_path / ".env").write_text(before := "REDIS_PASSWORD=a/b#c\nPOSTGRES_PASSWORD=fine.1\n")
    with pytest.raises(SystemExit, match=r"^REDIS_PASSWORD in \.env: use letters, digits"):
        env.main(tmp_path)
    assert (tmp_path / ".env").read_text() == before


def test_secrets_are_kept_out_of_git_and_of_images():
    assert ".env" in (REPOSITORY / ".gitignore").read_text().splitlines()
    assert "!.env" not in (REPOSITORY / ".dockerignore").read_text()


# -- healthy.py and prepare.py


@pytest.fixture
def answering() -> Iterator[tuple[str, dict[str, Any]]]:
    """The address of a server, and what it says of Airflow's health."""
    says: dict[str, Any] = {}

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if self.path.endswith("?503") else 200)
            self.end_headers()
            self.wfile.write(b"" if self.path.endswith("?empty") else json.dumps(says).encode())

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/health", says
        server.shutdown()


@pytest.mark.parametrize(("service", "part"), healthy.PARTS.items())
def test_a_component_is_healthy_when_airflow_says_so(answering: tuple[str, dict[str, Any]], service: str, part: str):
    address, says = answering
    assert "is None" in healthy.complaint(service, address)
    says[part] = {"status": "unhealthy"}
    assert "is unhealthy" in healthy.complaint(service, address)
    says[part] = {"status": "healthy"}
    assert healthy.complaint(service, address) == ""


def test_a_scheduler_is_healthy_as_its_own_server_says_by_the_status_alone(
    answering: tuple[str, dict[str, Any]],
):
    address, _ = answering
    assert healthy.complaint("scheduler", f"{address}?empty") == ""
    assert "503" in healthy.complaint("scheduler", f"{address}?503")


def test_a_service_that_does_not_answer_is_not_healthy():
    assert "refused" in healthy.complaint("mlflow", "http://127.0.0.1:9/health")


@pytest.mark.parametrize("name", sorted(set(SERVICES) & (set(healthy.ADDRESSES) | {"worker"})))
def test_each_of_our_services_is_asked_by_its_own_name(name: str):
    assert SERVICES[name]["healthcheck"]["test"] == ["CMD", "python", "/opt/airworthy/config/healthy.py", name]


def test_every_service_of_ours_has_a_health_check():
    assert OURS - {"init"} == set(healthy.ADDRESSES) | {"worker"}


def test_what_prepare_reads_is_what_compose_gives_it():
    given = SERVICES["init"]["environment"]
    passwords = {password for _, password in compose_init.USERS.values()}
    assert {*compose_init.DATABASES, *compose_init.PLACES, *passwords, "AIRWORTHY_POSTGRES"} <= set(given)
    assert SERVICES["init"]["command"] == ["python", "-m", "include.local.compose_init"]


def test_prepare_names_a_setting_that_is_missing():
    done = subprocess.run(
        [sys.executable, "-m", "include.local.compose_init"],
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "AIRWORTHY_LAKE is not set" in done.stderr


def test_buckets_are_made_once_and_only_for_places_on_s3(bucket: str, configure):
    import boto3

    configure.aws(default_region="us-east-1")
    places = [f"{bucket}/lake", f"{bucket}-logs/tasks", f"{bucket}-logs", "/var/lib/somewhere"]
    compose_init.make_buckets(places)
    compose_init.make_buckets(places)
    names = {each["Name"] for each in boto3.client("s3").list_buckets()["Buckets"]}
    assert {bucket.removeprefix("s3://"), f"{bucket.removeprefix('s3://')}-logs"} <= names
    boto3.client("s3").delete_bucket(Bucket=f"{bucket.removeprefix('s3://')}-logs")
