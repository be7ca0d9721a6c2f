"""docs/kubernetes: the schemas of Kubernetes, and the same settings, limits and ports as docker-compose.yaml."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

import kubernetes_validate
import pytest
import yaml

from include.settings import MACHINE_MEMORY, REPOSITORY, pools
from tests.integration import compose
from tests.test_compose import FILE, PATH, SERVICES, dockerfile, secrets

FOLDER = REPOSITORY / "docs" / "kubernetes"
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text())
PODS: dict[str, Any] = yaml.safe_load((FOLDER / "kubernetes-executor.yaml").read_text())
"""What is changed where each task has a pod of its own."""
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((FOLDER / "mlflow.yaml").read_text()))
BY_KIND = {manifest["kind"]: manifest for manifest in MANIFESTS}
[MLFLOW] = BY_KIND["Deployment"]["spec"]["template"]["spec"]["containers"]
SECRETS = secrets()
COMPOSE = compose.read(PATH, SECRETS)
VERSIONS = kubernetes_validate.utils.all_versions()[-2:]
"""The two newest versions of Kubernetes whose schemas the locked package has."""
COMPONENTS: dict[str, dict[str, Any]] = {
    "worker": VALUES["workers"]["celery"],
    "scheduler": VALUES["scheduler"],
    "dag-processor": VALUES["dagProcessor"],
    "triggerer": VALUES["triggerer"],
    "api-server": VALUES["apiServer"],
}
"""By their names in docker-compose.yaml."""
WITHOUT_HTTP = sorted(set(COMPONENTS) - {"api-server"})
"""Those whose probes the chart makes of commands that only the official image has."""

BY_THE_CHART = {
    *("AIRFLOW_HOME", "AIRFLOW__CORE__EXECUTOR", "AIRFLOW__CORE__EXECUTION_API_SERVER_URL"),
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER",  # the folder `logs` in airflowHome
}
"""Settings that the chart makes of others of its values, or of its names."""
BY_SECRETS = {
    "AIRFLOW__CORE__FERNET_KEY": "fernetKeySecretName",
    "AIRFLOW__API__SECRET_KEY": "apiSecretKeySecretName",  # pragma: allowlist secret
    "AIRFLOW__API_AUTH__JWT_SECRET": "jwtSecretName",  # pragma: allowlist secret
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "data.metadataSecretName",
    "AIRFLOW__CELERY__RESULT_BACKEND": "data.resultBackendSecretName",
    "AIRFLOW__CELERY__BROKER_URL": "data.brokerUrlSecretName",
}
"""Settings that the chart reads from Secrets, and the value that names the Secret."""
BY_A_ROLE = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
"""What a role of the service accounts gives."""
ELSEWHERE = {
    *("AIRWORTHY_LAKE", "AIRWORTHY_DATA_DOCS", "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"),
    *("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AIRFLOW__API__BASE_URL"),
    "MLFLOW_ARTIFACTS_DESTINATION",
}
"""Settings whose values are examples there: the S3 and the address of the cluster's owner."""


def settings() -> dict[str, str]:
    """What values.yaml gives every component, by the names of environment variables."""
    found = {variable["name"]: str(variable["value"]) for variable in VALUES["env"]}
    for section, options in VALUES["config"].items():
        found |= {f"AIRFLOW__{section.upper()}__{name.upper()}": str(value) for name, value in options.items()}
    return found


def value(path: str) -> Any:
    """One value, by its names with dots between."""
    found: Any = VALUES
    for name in path.split("."):
        found = found[name]
    return found


def pods() -> Iterator[dict[str, Any]]:
    """What the chart passes on to the pods of each component, as pods."""
    context = VALUES["securityContexts"]
    for name, component in COMPONENTS.items():
        container = {
            "name": name,
            "image": "{repository}:{tag}".format(**VALUES["images"]["airflow"]),
            "imagePullPolicy": VALUES["images"]["airflow"]["pullPolicy"],
            "env": VALUES["env"],
            "resources": component["resources"],
            "securityContext": context["containers"],
        }
        container |= {"args": component["args"]} if "args" in component else {}
        for probe in {"livenessProbe", "startupProbe"} & set(component):
            given = dict(component[probe])
            container[probe] = {"exec": {"command": given.pop("command", ["true"])}, **given}
        spec = {"securityContext": context["pod"], "containers": [container]}
        if "terminationGracePeriodSeconds" in component:
            spec["terminationGracePeriodSeconds"] = component["terminationGracePeriodSeconds"]
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def pod_of_a_task() -> dict[str, Any]:
    """The pod that KubernetesExecutor makes for a task, as far as the values decide about it."""
    image, given = VALUES["images"]["airflow"] | PODS["images"]["airflow"], PODS["workers"]["kubernetes"]
    container = {
        "name": "base",
        "image": "{repository}:{tag}".format(**image),
        "imagePullPolicy": image["pullPolicy"],
        "env": VALUES["env"],
        "resources": given["resources"],
        "securityContext": VALUES["securityContexts"]["containers"],
        "volumeMounts": [{"name": "logs", "mountPath": f"{VALUES['airflowHome']}/logs"}],
    }
    spec = {
        "restartPolicy": "Never",
        "securityContext": VALUES["securityContexts"]["pod"],
        "terminationGracePeriodSeconds": given["terminationGracePeriodSeconds"],
        "containers": [container],
        "volumes": [{"name": "logs", "emptyDir": {}}],
    }
    labels = {"tier": "airflow", "component": "worker", "release": "airworthy"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "task", "labels": labels}, "spec": spec}


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_and_pods_have_the_form_that_kubernetes_wants(version: str):
    for manifest in (*MANIFESTS, *pods(), pod_of_a_task()):
        assert kubernetes_validate.validate(manifest, version, strict=True) == ".".join(version.split(".")[:2])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "manifest", [BY_KIND["Deployment"], next(pods()), pod_of_a_task()], ids=["manifest", "pod", "pod of a task"]
)
def test_a_misspelled_key_would_be_found(manifest: dict[str, Any], version: str):
    wrong = copy.deepcopy(manifest)
    spec = wrong["spec"]["template"]["spec"] if wrong["kind"] == "Deployment" else wrong["spec"]
    spec["containers"][0]["resources"]["limit"] = spec["containers"][0]["resources"].pop("limits")
    with pytest.raises(kubernetes_validate.ValidationError, match="limit"):
        kubernetes_validate.validate(wrong, version, strict=True)


def test_every_setting_of_compose_is_one_of_the_values_and_the_other_way_round():
    ours = COMPOSE["worker"].environment
    by_secrets = {*BY_SECRETS, *(secret["envName"] for secret in VALUES["secret"])}
    assert set(settings()) == set(ours) - BY_THE_CHART - by_secrets - BY_A_ROLE


def test_a_setting_has_the_same_value_as_in_compose():
    ours = COMPOSE["worker"].environment
    different = {name for name, given in settings().items() if given != ours[name]}
    assert different <= ELSEWHERE
    assert VALUES["executor"] == ours["AIRFLOW__CORE__EXECUTOR"]


def test_every_secret_comes_from_a_secret():
    assert all(value(path).startswith("airworthy-") for path in BY_SECRETS.values())
    assert [secret["envName"] for secret in VALUES["secret"]] == ["AIRWORTHY_SIGNING_KEYS"]
    ours = COMPOSE["worker"].environment
    secret = {name for name, given in ours.items() if any(each in given for each in SECRETS.values())}
    assert secret == {*BY_SECRETS, "AIRWORTHY_SIGNING_KEYS", *BY_A_ROLE}


def test_mlflow_runs_as_in_compose():
    ours = COMPOSE["mlflow"]
    assert MLFLOW["args"] == list(ours.command)
    given = {each["name"]: each.get("value") for each in MLFLOW["env"]}
    of_others = {"SCARF_ANALYTICS", "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED", "GX_ANALYTICS_ENABLED"}
    assert set(given) == set(ours.environment) - BY_A_ROLE - of_others
    different = {name for name, value in given.items() if value != ours.environment[name]}
    assert different <= ELSEWHERE | {"MLFLOW_BACKEND_STORE_URI"}
    assert given["MLFLOW_BACKEND_STORE_URI"] is None  # from a Secret


def limits_in_compose(name: str) -> tuple[float, int]:
    """Cores and bytes."""
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    return float(limits["cpus"]), size(limits["memory"])


def limits_of(resources: Mapping[str, Any]) -> tuple[float, int]:
    """The same of a container in a pod."""
    cores = resources["limits"]["cpu"]
    return float(cores[:-1]) / 1000 if cores.endswith("m") else float(cores), size(resources["limits"]["memory"])


def size(text: str) -> int:
    """Bytes of `256m`, `4g`, `256Mi` and `4Gi`."""
    number, unit = re.fullmatch(r"(\d+)([mg]|[MG]i)", text).groups()  # type: ignore[union-attr]
    return int(number) * 1024 ** {"m": 2, "g": 3}[unit[0].lower()]


def test_each_component_may_take_as_much_as_in_compose():
    given = {name: component["resources"] for name, component in COMPONENTS.items()}
    given |= {"mlflow": MLFLOW["resources"], "redis": VALUES["redis"]["resources"]}
    given |= {"init": VALUES["migrateDatabaseJob"]["resources"]}
    assert set(given) == set(SERVICES) - {"postgres", "s3"}  # these are the cluster's or the cloud's own
    assert {name: limits_of(each) for name, each in given.items()} == {name: limits_in_compose(name) for name in given}


def test_the_limit_of_processes_that_a_worker_needs_is_said_since_the_chart_cannot_set_it():
    concurrency = VALUES["config"]["celery"]["worker_concurrency"]
    assert f"{250 * concurrency + 200} here" in (FOLDER / "values.yaml").read_text()


@pytest.mark.parametrize("name", ["worker", "triggerer"])
def test_logs_of_killed_tries_are_kept_and_sent_as_in_compose(name: str):
    ours, args = list(COMPOSE[name].command), COMPONENTS[name]["args"]
    logs = f"{VALUES['airflowHome']}/logs"  # the chart's own folder for them
    assert args == [logs if word == "/var/log/airworthy" else word for word in ours]
    assert COMPONENTS[name]["persistence"]["enabled"] is True  # or a pod that is replaced takes them along
    assert settings()["AIRFLOW__LOGGING__DELETE_LOCAL_LOGS"] == "False"


def test_nothing_but_the_code_says_how_often_a_task_is_tried():
    for given in (settings(), COMPOSE["worker"].environment):
        assert [name for name in given if "RETR" in name] == []


def test_the_ports_are_those_of_compose():
    [port] = BY_KIND["Service"]["spec"]["ports"]
    [opened] = MLFLOW["ports"]
    assert f"http://{BY_KIND['Service']['metadata']['name']}:{port['port']}" == settings()["MLFLOW_TRACKING_URI"]
    assert port["port"] == opened["containerPort"]
    assert str(VALUES["ports"]["apiServer"]) == COMPOSE["worker"].environment["AIRFLOW__API__PORT"]


def test_only_the_pods_of_airflow_reach_mlflow():
    spec = BY_KIND["NetworkPolicy"]["spec"]
    labels = BY_KIND["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert spec["podSelector"] == {"matchLabels": labels}
    [rule] = spec["ingress"]
    [source] = rule["from"]
    assert set(source) == {"podSelector"}  # of the same namespace
    [chosen] = source["podSelector"]["matchExpressions"]
    assert (chosen["key"], chosen["operator"]) == ("component", "In")
    assert set(chosen["values"]) == set(COMPONENTS)
    assert source["podSelector"]["matchLabels"] == {"release": "airworthy", "tier": "airflow"}
    assert rule["ports"] == [{"protocol": "TCP", "port": MLFLOW["ports"][0]["containerPort"]}]


def test_no_one_is_root_and_nothing_of_mlflow_can_be_written_but_a_folder():
    user = {int(each) for each in FILE["x-airworthy"]["user"].split(":")}
    for pod in (
        VALUES["securityContexts"]["pod"],
        BY_KIND["Deployment"]["spec"]["template"]["spec"]["securityContext"],
    ):
        assert pod["runAsNonRoot"] is True
        assert {pod["runAsUser"], pod["runAsGroup"]} == user
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in (VALUES["securityContexts"]["containers"], MLFLOW["securityContext"]):
        assert container["allowPrivilegeEscalation"] is False
        assert container["capabilities"] == {"drop": ["ALL"]}
    assert MLFLOW["securityContext"]["readOnlyRootFilesystem"] is True


def test_airflow_s_home_is_a_folder_of_the_image_that_its_user_may_write():
    assert f"--owner=airworthy --group=airworthy --mode=0700 {VALUES['airflowHome']} " in dockerfile()


@pytest.mark.parametrize("name", WITHOUT_HTTP)
def test_a_probe_is_a_command_of_our_image(name: str):
    given = COMPONENTS[name]
    probes = [given[probe]["command"] for probe in ("livenessProbe", "startupProbe") if probe in given]
    assert len(probes) == (2 if name == "scheduler" else 1)
    for command in probes:
        if command[0] == "python":
            assert ["CMD", *command] == SERVICES[name]["healthcheck"]["test"]
        else:
            assert command[:4] == ["airflow", "jobs", "check", "--job-type"] and command[-1] == "--local"
            assert command[4].removesuffix("Job").lower() == name.replace("-", "")


@pytest.mark.parametrize("name", WITHOUT_HTTP)
def test_no_log_groomer_runs(name: str):
    assert COMPONENTS[name]["logGroomerSidecar"] == {"enabled": False}


def test_the_scheduler_answers_its_probes():
    assert VALUES["config"]["scheduler"]["enable_health_check"] == "True"


def test_redis_has_an_address_with_its_password():
    assert VALUES["redis"]["passwordSecretName"]
    assert VALUES["data"]["brokerUrlSecretName"]


# -- a pod for each task


def test_pods_in_place_of_workers_need_no_broker():
    assert (VALUES["executor"], PODS["executor"]) == ("CeleryExecutor", "KubernetesExecutor")
    assert (VALUES["redis"]["enabled"], PODS["redis"]) == (True, {"enabled": False})


def test_what_is_changed_for_pods_is_a_value_that_the_others_have_or_is_theirs_alone():
    """A misspelled one would change nothing, and the chart would say so only on a cluster."""

    def paths(values: Mapping[str, Any], *before: str) -> Iterator[tuple[str, ...]]:
        for name, given in values.items():
            if isinstance(given, dict) and name not in ("kubernetes", "kubernetes_executor"):
                yield from paths(given, *before, name)
            else:
                yield (*before, name)

    alone = {("workers", "kubernetes"), ("config", "kubernetes_executor")}
    for path in set(paths(PODS)) - alone:
        assert value(".".join(path)) is not None, path
    assert alone < set(paths(PODS))


def test_a_pod_may_take_as_much_as_a_worker_and_its_task_may_end():
    ours = VALUES["workers"]["celery"]
    given = PODS["workers"]["kubernetes"]
    assert limits_of(given["resources"]) == limits_of(ours["resources"])
    assert given["terminationGracePeriodSeconds"] == ours["terminationGracePeriodSeconds"]


def test_the_pod_of_a_task_reaches_mlflow():
    [rule] = BY_KIND["NetworkPolicy"]["spec"]["ingress"]
    [source] = rule["from"]
    labels = pod_of_a_task()["metadata"]["labels"]
    [chosen] = source["podSelector"]["matchExpressions"]
    assert labels[chosen["key"]] in chosen["values"]
    assert source["podSelector"]["matchLabels"].items() <= labels.items()


def test_a_pod_runs_the_command_that_the_executor_gives_it():
    """The image has no command of its own before it but the one that reaps processes."""
    assert re.findall(r"^ENTRYPOINT (.*)$", dockerfile(), re.MULTILINE) == ['["tini", "--"]']
    assert not {"args", "command"} & PODS["workers"]["kubernetes"].keys()


def test_the_log_of_a_killed_task_is_not_removed_with_its_pod():
    assert settings()["AIRFLOW__LOGGING__REMOTE_LOGGING"] == "True"
    assert PODS["config"]["kubernetes_executor"]["delete_worker_pods_on_failure"] == "False"


def test_the_slots_of_the_pools_are_those_of_the_pods():
    slots = PODS["config"]["core"]["parallelism"]
    assert f"{slots} and {slots // 2} slots" in (FOLDER / "kubernetes-executor.yaml").read_text()


def test_the_page_makes_every_pool_in_which_tasks_may_wait():
    """A task in a pool that does not exist is never started."""
    memory_gb = int(settings()[MACHINE_MEMORY])
    page = (REPOSITORY / "docs" / "operate.md").read_text()
    made = dict(re.findall(r"kubectl exec -n airworthy \S+ -- airflow pools set (\w+) (\d+) ", page))
    assert made.keys() == pools(1, memory_gb).keys()
    assert int(made["memory"]) == memory_gb
