"""Links from a task in Airflow to what it made."""

from types import SimpleNamespace

import pytest

from include.orchestration import task_links
from include.orchestration.task_links import PAGE, RUN, VERSION


@pytest.fixture
def task(run_as_task, configure):
    configure(mlflow="http://127.0.0.1:5000")
    configure.airflow("api", base_url="https://air.example.com/below/")
    operator = SimpleNamespace(operator_extra_links=VERSION + PAGE)
    run_as_task({"task": operator})
    return operator


def addresses(operator):
    return {link.name: link.get_link(operator, ti_key=None) for link in operator.operator_extra_links}


def test_a_version_links_to_mlflow_its_card_and_the_page(task):
    task_links.set_version_links("toy", "4")
    assert addresses(task) == {
        "MLflow version": "http://localhost:5000/#/models/toy/versions/4",
        "Model card": "https://air.example.com/below/plugin/airworthy/airworthy/card/toy/4",
        "Monitoring": "https://air.example.com/below/plugin/airworthy/airworthy/use_case/toy",
    }


def test_a_link_that_was_not_set_is_empty(task):
    task_links.set_links(monitoring=task_links.page_address("toy", "2013-W14-1"))
    assert addresses(task) == {
        "MLflow version": "",
        "Model card": "",
        "Monitoring": "https://air.example.com/below/plugin/airworthy/airworthy/use_case/toy?period=2013-W14-1",
    }


def test_what_a_form_names_cannot_change_the_address(task):
    task_links.set_version_links("toy", "4/../../x?<b>")
    assert addresses(task)["Model card"].endswith("/card/toy/4%2F..%2F..%2Fx%3F%3Cb%3E")


def test_without_an_address_of_mlflow_there_is_no_link(task, configure, tmp_path):
    configure(mlflow=str(tmp_path))
    task_links.set_version_links("toy", "4")
    assert addresses(task)["MLflow version"] == ""


def test_a_task_goes_on_if_mlflow_cannot_say_where_a_run_is(run_as_task, caplog):
    def refuse(run_id):
        raise ConnectionError("no answer")

    run_as_task({"task": (operator := SimpleNamespace(operator_extra_links=RUN))})
    task_links.set_run_link(SimpleNamespace(registry=SimpleNamespace(run_path=refuse)), "abc")
    assert addresses(operator) == {"MLflow run": ""}


def test_the_validation_page_is_that_of_feed_and_period(configure):
    configure.airflow("api", base_url="http://127.0.0.1:8080")
    address = task_links.validation_address("toy", "events", "2013-04-01T05Z")
    assert address == "http://127.0.0.1:8080/plugin/airworthy/airworthy/validation/toy/events/2013-04-01T05Z"
