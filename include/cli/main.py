"""The `airworthy` command: operate and inspect use cases from a shell."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from include.cli import quarantine, services
from include.cli.escaping import make_console, print_failure
from include.cli.period_option import AnyPeriod, PeriodArgument, of_calendar, parse_period
from include.declaration.period import Period
from include.errors import AirworthyError
from include.local.private_files import UMASK

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
console = make_console()


app.add_typer(quarantine.app, name="quarantine")


@app.command()
def up(
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay in the foreground; Ctrl-C stops everything.")
    ] = False,
) -> None:
    """Start Airflow and MLflow on this machine, and wait until they are healthy."""
    services.start_services(console, foreground)


@app.command()
def down() -> None:
    """Stop Airflow and MLflow with all their processes."""
    services.stop_services(console)


@app.command()
def status() -> None:
    """Show which services run, and their addresses."""
    services.print_status(console)


@app.command()
def demo() -> None:
    """Run the flight_delays use case from data to retraining, in Airflow's scheduler."""
    from include.cli import walkthrough

    walkthrough.run_demo(console)


def _range(use_case: str, first: Period | None, last: Period | None) -> tuple[Period | None, Period | None]:
    return of_calendar(use_case, first), of_calendar(use_case, last)


@app.command()
def report(
    use_case: str,
    first: AnyPeriod = None,
    last: AnyPeriod = None,
) -> None:
    """Show rows, versions and metrics; with periods, their predictions' performance."""
    from include.cli import walkthrough

    walkthrough.show_report(console, use_case, *_range(use_case, first, last))


@app.command()
def predictions(
    use_case: str, period: PeriodArgument, rows: Annotated[int, typer.Option(min=1, help="Rows to print.")] = 10
) -> None:
    """Show the rows of a period with the highest prediction."""
    from include.cli import walkthrough

    walkthrough.show_predictions(console, use_case, of_calendar(use_case, period), rows)


@app.command()
def exports(use_case: str, period: PeriodArgument) -> None:
    """Show what each destination got of a day's predictions, by its receipts."""
    from include.cli import exports as cli_exports

    cli_exports.print_exports(console, use_case, of_calendar(use_case, period))


@app.command()
def ledger(use_case: str) -> None:
    """Show and verify the ledger.

    Each champion is shown with its first period, actor and reason.
    """
    from include.cli import ledger as cli_ledger

    cli_ledger.print_ledger(console, use_case)


@app.command()
def lineage(
    use_case: str, period: PeriodArgument, keys: Annotated[list[str], typer.Argument(help="Each as key=value.")]
) -> None:
    """Show the lineage of one prediction: model, code, and periods of every feed."""
    from include.cli import lineage as cli_lineage

    cli_lineage.print_lineage(console, use_case, of_calendar(use_case, period), keys)


@app.command()
def explain(
    use_case: str,
    period: Annotated[
        Period, typer.Option(parser=parse_period, metavar="PERIOD", help="The period that the prediction is of.")
    ],
    key: Annotated[list[str], typer.Option(help="A key of the row as key=value; once for each key.")],
    top: Annotated[int, typer.Option(min=1, help="Features to print.")] = 15,
) -> None:
    """Show why a row has its prediction: the features' contributions, and the label."""
    from include.cli import explain as cli_explain

    cli_explain.print_explanation(console, use_case, of_calendar(use_case, period), key, top)


@app.command()
def check(use_case: str, period: PeriodArgument) -> None:
    """Validate a training's periods, train, evaluate, and list problems; no Airflow.

    The ingested data are kept for the next check. Fails if a gate fails.
    """
    from include.cli import check as cli_check

    cli_check.print_check(console, use_case, of_calendar(use_case, period))


@app.command()
def new(
    name: Annotated[
        str, typer.Argument(help="Name of the use case: lower-case letters, digits and _.", show_default=False)
    ] = "",
    project: Annotated[
        Path | None, typer.Option(help="Instead of a use case, write a repository for a team's own ones here.")
    ] = None,
    sample: Annotated[str | None, typer.Option(help="CSV or Parquet file with one row per key and period.")] = None,
    sample_table: Annotated[str | None, typer.Option(help="Instead of a file, a table or view of a database.")] = None,
    conn_id: Annotated[str | None, typer.Option(help="The Connection of the table.")] = None,
    date: Annotated[str | None, typer.Option(help="Column with the day or local time that a row is about.")] = None,
    keys: Annotated[str | None, typer.Option(help="Columns that, with the date, identify a row; a,b.")] = None,
    label: Annotated[str | None, typer.Option(help="Column with the outcome to predict.")] = None,
    label_delay: Annotated[str | None, typer.Option(help="Periods after which the outcome of one is known; 1.")] = None,
    known_before: Annotated[
        str | None,
        typer.Option(help="Columns that are known when the period begins; a,b. All others are known with the label."),
    ] = None,
    positive: Annotated[
        str, typer.Option(help="The value of the label that is predicted, if it is text with two values.")
    ] = "",
    task: Annotated[
        str, typer.Option(help="binary, regression or multiclass; without it, what the label's values suggest.")
    ] = "",
    loss: Annotated[
        str,
        typer.Option(help="regression: l2, l1, huber, poisson, gamma or tweedie; without it, by the values."),
    ] = "",
    interval: Annotated[
        str, typer.Option(help="regression: the quantiles of the predicted interval; or none.")
    ] = "0.1,0.9",
    calendar: Annotated[str | None, typer.Option(help="What a period is: daily, hourly or weekly; daily.")] = None,
    at: Annotated[str, typer.Option(help="daily and weekly: local time of the decision, such as 06:00.")] = "",
    on: Annotated[str, typer.Option(help="weekly: the first day of the week; by the dates, or monday.")] = "",
    time_zone: Annotated[str | None, typer.Option(help="Time zone of days and of local times; UTC.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who is asked about it; without it, the account.")] = None,
    objective: Annotated[str | None, typer.Option(help="What the predictions are for, as a sentence.")] = None,
    package: Annotated[
        str | None, typer.Option(help="Package of use cases; without it, the first of AIRWORTHY_USE_CASE_PACKAGES.")
    ] = None,
) -> None:
    """Write the folder of a new use case from a sample of its data, ready to run.

    Ask for what is not given.
    """
    from include.cli import new as cli_new

    if project:
        cli_new.write_new_project(console, project)
        return
    if not name:
        raise typer.BadParameter("Name the use case, or give --project DIR.")
    ask = _prompt if sys.stdin.isatty() else None
    options = {"sample": sample, "sample_table": sample_table, "conn_id": conn_id, "date": date, "keys": keys}
    options |= {"label": label, "label_delay": label_delay, "known_before": known_before, "time_zone": time_zone}
    options |= {"owner": owner, "objective": objective, "calendar": calendar}
    more = {"name": name, "positive": positive, "task": task, "loss": loss, "at": at, "on": on}
    cli_new.write_new_use_case(console, package, options, ask, interval=cli_new.interval_of(interval), **more)


def _prompt(question: str, default: str) -> str:
    return str(typer.prompt(question, default, show_default=bool(default)))


class Kind(StrEnum):
    """The DAGs whose steps `run` runs."""

    data = "data"
    train = "train"
    score = "score"
    monitor = "monitor"


class Promotion(StrEnum):
    """How a model that passed its gates is promoted."""

    automatic = "automatic"
    approval = "approval"


@app.command()
def run(
    use_case: str,
    kind: Annotated[Kind, typer.Argument(help="The DAG whose steps are run.")],
    first: Annotated[
        Period, typer.Option("--from", parser=parse_period, metavar="PERIOD", help="First period, such as 2013-01-05.")
    ],
    last: Annotated[
        Period | None,
        typer.Option("--to", parser=parse_period, metavar="PERIOD", help="Last period; without it, the first one."),
    ] = None,
    take_changed: Annotated[bool, typer.Option(help="data: ingest files that were delivered again.")] = False,
    again: Annotated[
        bool, typer.Option(help="data: build what was built from the same inputs by the same code, too.")
    ] = False,
    window_periods: Annotated[int | None, typer.Option(min=1, help="train: periods of data to train on.")] = None,
    parameters: Annotated[
        str | None, typer.Option(help="train: LightGBM parameters as JSON, instead of the declared ones.")
    ] = None,
    tune_trials: Annotated[int | None, typer.Option(min=1, help="train: number of parameter sets to try.")] = None,
    tune_minutes: Annotated[float | None, typer.Option(help="train: no new trial starts after this time.")] = None,
    reason: Annotated[str | None, typer.Option(help="train: why; stored with the version.")] = None,
    promotion: Annotated[Promotion | None, typer.Option(help="train: instead of what the use case declares.")] = None,
    version: Annotated[str | None, typer.Option(help="score: with this version instead of the champion.")] = None,
    rescore: Annotated[bool, typer.Option(help="score: again, with the present champion of the period.")] = False,
    allow_future_model: Annotated[
        bool, typer.Option(help="score: allow a version trained as of a later period.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Open the debugger where an error is raised.")] = False,
) -> None:
    """Run the steps of a DAG for every period of a range, without Airflow.

    They run in this process. Of a range, only the periods that are due by the declared schedule are run, such as the
    Mondays of trainings; a single period may be any.
    """
    from include.cli import run as cli_run

    values = {
        "take_changed": take_changed,
        "again": again,
        "window_periods": window_periods,
        "parameters": cli_run.parse_parameters(parameters),
        "tune_trials": tune_trials,
        "tune_minutes": tune_minutes,
        "reason": reason,
        "promotion": promotion.value if promotion else None,
        "version": version,
        "rescore": rescore,
        "allow_future_model": allow_future_model,
    }
    request = cli_run.RunRequest(use_case, kind.value, first, last or first, values)
    cli_run.run_periods(console, request, debug=debug)


@app.command()
def backfill(
    use_case: str,
    first: Annotated[Period | None, typer.Option("--from", parser=parse_period, metavar="PERIOD")] = None,
    last: Annotated[Period | None, typer.Option("--to", parser=parse_period, metavar="PERIOD")] = None,
    kinds: Annotated[str, typer.Option(help="data, score, monitor; without it, all.")] = "",
    only: Annotated[str, typer.Option(help="Single periods instead of a range; a,b.")] = "",
    settled: Annotated[bool, typer.Option("--settled", help="Ask the sources of settled periods again.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Print what would be built and why; build nothing.")] = False,
) -> None:
    """Build the missing and stale periods of a range, and list what is left.

    A refused period does not stop the others. The same command again goes on with what is left.
    """
    from include.cli import backfill as cli_backfill

    lists = {name: [one for one in text.split(",") if one] for name, text in (("kinds", kinds), ("only", only))}
    fields = {"first": first and first.key, "last": last and last.key, "settled": settled, **lists}
    cli_backfill.print_backfill(console, use_case, fields, plan_only=plan)


@app.command("go-live")
def go_live(
    use_case: str,
    first: Annotated[Period, typer.Option("--from", parser=parse_period, metavar="PERIOD")],
    last: Annotated[Period, typer.Option("--to", parser=parse_period, metavar="PERIOD")],
    train_as_of: Annotated[
        str, typer.Option(help="Periods to train as of; a,b. Without it, each that is due by the schedule.")
    ] = "",
    decide_from: Annotated[
        Period | None,
        typer.Option(parser=parse_period, metavar="PERIOD", help="First retraining decision; else the first training."),
    ] = None,
    promotion: Annotated[Promotion | None, typer.Option(help="Instead of what the use case declares.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print what would be done; do nothing.")] = False,
) -> None:
    """Bring a history live: land, train, score, measure and decide in order of time.

    The same command again does what is left, and nothing twice.
    """
    from include.cli import go_live as cli_go_live

    fields = {
        "first": first.key,
        "last": last.key,
        "train_as_of": [period for period in train_as_of.split(",") if period],
        "decide_from": decide_from and decide_from.key,
        "promotion": promotion.value if promotion else None,
    }
    cli_go_live.print_history(console, use_case, fields, plan_only=plan)


class TrialAction(StrEnum):
    """What is done with the trial of a version."""

    start = "start"
    end = "end"
    promote = "promote"


@app.command()
def trial(
    use_case: str,
    action: Annotated[TrialAction, typer.Argument(help="What is done with the trial of the version.")],
    version: Annotated[str, typer.Argument(help="The version that is tried next to the champion.")],
    reason: Annotated[str, typer.Option(help="Why; kept on the ledger with the name of the account.")],
    first: Annotated[
        Period | None,
        typer.Option(
            "--from",
            parser=parse_period,
            metavar="PERIOD",
            help="start: the first period of the trial. end: the first one without it. promote: the first one with the"
            " version as the champion. Without it, the newest period.",
        ),
    ] = None,
    share: Annotated[
        float, typer.Option(min=0, help="start: per cent of the rows that get the version's prediction; 0: in shadow.")
    ] = 0.0,
) -> None:
    """Try a version next to the champion, end that, or promote it from its trial."""
    from include.cli import trial as cli_trial

    cli_trial.change_trial(console, use_case, action.value, version, of_calendar(use_case, first), reason, share)


@app.command()
def frame(
    use_case: str,
    table: Annotated[
        str,
        typer.Argument(
            help="Name of the table, such as features, labels, predictions, checked/<feed> or raw/<feed>; or train, the"
            " rows that a training as of the period reads."
        ),
    ],
    period: AnyPeriod = None,
    as_of: Annotated[
        Period | None,
        typer.Option(parser=parse_period, metavar="PERIOD", help="The period, written as an option instead."),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows to print.")] = 10,
    out: Annotated[Path | None, typer.Option(help="Write all rows into this .csv or .parquet file instead.")] = None,
) -> None:
    """Print or write one period's rows of a table, from the lake or `check`'s data."""
    from include.cli import frame as cli_frame

    chosen = period or as_of
    if chosen is None or (period and as_of):
        raise typer.BadParameter("Give one period, either as the argument PERIOD or as --as-of.")
    cli_frame.print_frame(console, use_case, table, of_calendar(use_case, chosen), rows, out)


@app.command()
def plan(
    use_case: str, as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False
) -> None:
    """List the periods made by other code or inputs, why, and how to rebuild them."""
    from include.cli import rebuild_plan

    rebuild_plan.print_rebuild_plan(console, use_case, as_json=as_json)


@app.command()
def catalogue(
    words: Annotated[list[str] | None, typer.Argument(help="Only features with all of these words.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List all features: definition, owner, feeds, users, importance and drift."""
    from include.cli import catalogue as cli_catalogue

    cli_catalogue.print_catalogue(console, " ".join(words or ()), as_json=json)


@app.command("score-card")
def score_card(
    use_case: str,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    staleness: Annotated[
        bool, typer.Option("--staleness", help="First measure by a backtest what an old model costs; takes minutes.")
    ] = False,
    first: Annotated[
        Period | None, typer.Option("--from", parser=parse_period, metavar="PERIOD", help="First period of it.")
    ] = None,
    last: Annotated[
        Period | None, typer.Option("--to", parser=parse_period, metavar="PERIOD", help="Last period of it.")
    ] = None,
) -> None:
    """Judge a use case by the 28 tests of the ML Test Score, with evidence for each."""
    from include.cli import score_card as cli_score_card

    first, last = _range(use_case, first, last)
    cli_score_card.print_score_card(console, use_case, as_json=json, staleness=staleness, first=first, last=last)


@app.command()
def upgrade(use_case: str) -> None:
    """Migrate the lake of a use case from an older format to the format of this code."""
    services.upgrade(console, use_case)


@app.command()
def token() -> None:
    """Print a token for Prometheus to scrape the metrics; valid for a day, read-only."""
    typer.echo(services.print_token())


@app.command()
def replay(
    use_case: str,
    first: Annotated[
        Period | None, typer.Option("--from", parser=parse_period, metavar="PERIOD", help="First scored period.")
    ] = None,
    last: Annotated[
        Period | None, typer.Option("--to", parser=parse_period, metavar="PERIOD", help="Last scored period.")
    ] = None,
    variations: Annotated[
        bool, typer.Option(help="Also try the declared policy with one number changed at a time.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Write a chart into this PNG file.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write all results into this JSON file.")] = None,
) -> None:
    """Simulate several retraining policies on past periods, and compare their results."""
    from include.cli import backtest

    backtest.print_backtest(
        console, use_case, *_range(use_case, first, last), variations=variations, plot=plot, json_file=json
    )


@app.command()
def maintain(
    use_case: Annotated[str | None, typer.Option(help="Only this use case, or feature_group_<group>.")] = None,
    apply_changes: Annotated[bool, typer.Option("--apply", help="Apply the changes; otherwise a dry run.")] = False,
) -> None:
    """List what exceeds the declared retention; with --apply, remove it.

    The list has counts and bytes.
    """
    from include.cli import maintain as cli_maintain

    cli_maintain.print_cleanup(console, use_case, apply_changes=apply_changes)


@app.command()
def rebuild(
    use_case: str,
    table: Annotated[str, typer.Argument(help="Name of the table in the lake, such as features or raw/<feed>.")],
    since: Annotated[
        Period, typer.Option("--from", parser=parse_period, metavar="PERIOD", help="First period to rebuild.")
    ],
    apply: Annotated[bool, typer.Option("--apply", help="Apply the changes; otherwise a dry run.")] = False,
) -> None:
    """Remove periods from a table whose column types changed, for a backfill."""
    from include.cli import rebuild as cli_rebuild

    cli_rebuild.print_rebuild(console, use_case, table, of_calendar(use_case, since), apply=apply)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def airflow(context: typer.Context) -> None:
    """Run Airflow's command in the local services' environment.

    For example: `… airflow dags list`.
    """
    os.umask(UMASK)  # as in the services, whose files it may write
    os.execve(sys.executable, [sys.executable, "-m", "airflow", *context.args], services.shell_environment())  # noqa: S606


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; print an expected error as one message, not as a traceback."""
    sys.excepthook = print_failure
    try:
        app(arguments)
    except AirworthyError as error:
        make_console(stderr=True).print(f"{type(error).__name__}: {error}", style="red")
        sys.exit(1)


if __name__ == "__main__":
    main()
