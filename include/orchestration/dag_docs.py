"""What a person reads on a DAG's page: made from the declaration, so that it is never out of date."""

from __future__ import annotations

from include.declaration.use_case import UseCase

DESCRIPTIONS = {
    "data": "Each day: land what became known, validate it, build features and labels.",
    "train": "On Mondays, by hand or triggered: train, judge, register, and promote what passes its gates.",
    "score": "Each day: score with the champion of that day.",
    "monitor": "Each day: measure drift, and how good the predictions are whose outcome is known by now.",
    "retrain": "Each day: decide by the measures whether to train, and start that training once.",
    "rollback": "By hand: make a version that was champion before the champion again.",
    "maintenance": "By hand, or on Sundays where declared: remove what the declared retention no longer keeps.",
    "quarantine": "By hand: send quarantined rows back, corrected or released; they become known on a later day.",
    "reproduce": "By hand: build a registered version again, and hold the trees against the registered ones.",
}
TEXTS = {
    "data": """
**Each run stands at midnight at the start of its day** and lands what became known since the midnight before.

| Task | Reads | Writes |
|---|---|---|
| `ingest` | the sources {feeds} | `raw/<feed>` |
| `validate` | `raw/<feed>` | `checked/<feed>`: every row, with its reasons if it is quarantined |
| `build_features` | clean rows of the last {look_back} days and of the day | `labels`, `features` |

Look-back days that are not in the lake are landed by `build_features` itself, so days may run in any order.
Running a day again changes nothing, and commits nothing where the content is the same.

**If a task fails**
* *refused* — the day broke a table-level expectation. Nothing of it was published. The message names the expectation
  and the Data Docs page. Correct the source and clear the task; or declare the day in `missing_periods`.
* *raised instead of judging*, *cannot be used* — a mistake in `expectations.py`, not in the data.
* *lacks / has undeclared columns* — the source changed. Change `source.py` or the feed's columns.
""",
    "train": """
**Trains as of the run's day T**: on days whose labels are complete by T, cut by time into
{train} train days or more, {validation} validation days (early stopping) and {test} test days, {gap} days between them.

| Task | What it does |
|---|---|
| `prepare` | builds features of the window that are not in the lake yet |
| `tune` | searches parameters on the validation days, if the form asks for trials; otherwise it is skipped |
| `train` | trains model and baselines, and keeps an MLflow run |
| `evaluate` | judges every gate; its log has one line for each |
| `register` | makes every model a version, passed or failed, with its verdicts and its model card |
| `brief`, `approve` | ask a person, where use case or form want one ({asks}); otherwise skipped |
| `promote` | makes a model that passed the champion, effective from T; otherwise it is skipped, with the reason |

**The gates**
{gates}

**How to read a rejection**: the log of `evaluate` names the gate, its value, its limit and the reason; `promote`'s
result repeats what blocked. *Better than the champion* failed: nothing is wrong, the champion flies on. *Inconclusive*:
too few days with labels yet. *No feature sees the future* failed: trust nothing trained with that feature.

**If a task fails**
* `prepare` — a day of the window could not be built; the message names it.
* `train` *needs …* — too few days or labels; train as of a later day.
* `evaluate` *cannot be loaded*, *names version … but* — the champion or its files are gone from MLflow. Train as of the
  day that the message names: equal trees are restored. Nothing moved.
* `approve` *The answer is to the question about* — cleared tasks made another version than was asked about; trigger
  this DAG again for the same day.
* `evaluate` *have changed since* — days were corrected after the training; train again.
* `approve` *was rejected* — a rejection is final for that version; train another.
* *The ledger is damaged* — restore its folder from a backup; `ledger` of the command line says what is wrong.

Training the same data, parameters and code again registers nothing new.
""",
    "score": """
**Scores the run's day with the champion of that day**: the promotion or rollback with the greatest effective day that
is not after it. A rerun keeps the version that the day was scored with, unless the form says `rescore` or names a
`version`.

**If a task fails** * `wait_for_features` — the day has no features; the message holds the command that builds them. *
*no champion is effective* — train a model as of that day or an earlier one. * *has seen that day* — the version you
named was trained as of a later day; say `allow_future_model` to use it all the same.

A row is flagged (`warning`) from a probability of **{threshold:.2f}** on: a miss costs {missed:g}, a false warning
{false_positive:g} ({unit}).
""",
    "monitor": """
**Measures the run's day from what was known at it**, into the partition of that day in `metrics`. A breach fails
nothing and trains nothing: `retrain` decides, and whoever is declared is told.

| About | What |
|---|---|
| the day itself | rows by feed and reason, nulls, unseen categories, drift by feature and of all, ages |
| {matures} days before, whose labels are complete now | how good its stored predictions turned out to be |
| the newest {window} labelled days that the version has not seen | what it lost since its test days, and baselines |

**What is a breach**
* Drift of all features, or of the predictions: above the {quantile:.0%} quantile of what single validation and test
  days showed, times {times:g}. For such days the promise was measured.
* Performance: {performance}. Judged on {min_periods} days or more, by the lower confidence bound; days are not taken as
  independent. The page says how often a year each limit breaks falsely.
* Rows of a feed {volume:.0%} more or fewer than usual; a feature with {nulls:.0%} more nulls than in training, or
  {unseen:.0%} of unseen categories; data more than {stale} day(s) late; a model of {age} days.

The log of `measure` names each breach, and everything that could not be measured with the reason. A row of `metrics`
without a value has a `state`: that is *not measured*, never *no drift*.

Days may run in any order and again. A day that was measured before it was scored, or before its data came, is measured
anew by running it again.

**If a task fails**
* `wait_for_predictions` does not fail: after its time, the day is measured without predictions, and says so.
* *The ledger is damaged* — restore its folder from a backup; `ledger` of the command line says what is wrong.
* *MLflow does not answer* — the version that scored the day is kept there; start it and clear the task.
""",
    "retrain": """
**Decides, once for each day, whether its measures ask for a training**, starts `train` as of that day with the reason,
and records what became of it. A decision that is made stands, whatever is cleared, run again or learned later.

| Task | What it does |
|---|---|
| `wait_for_measures` | waits, without a worker slot, for the measures, and in a backfill for the day before |
| `decide` | applies the policy; where it holds, the rest is skipped. Its log has the reason |
| `claim` | takes one training of the month's budget |
| `train` | starts the run `drift__<day>` of `train`, or finds it, and waits for its end without a slot |
| `record` | writes what became of it: *promoted*, *rejected*, *not promoted*, *failed* or *not started* |

**The policy**
{policy}

Unpaused, this DAG waits for the next day. The chain of decisions begins where nobody flew the day before, or where
nothing was decided for {memory} days; otherwise backfill from the day after the last decision on. Where a training
waits for a person's approval, the outcome is recorded once that is given, and the days after it wait their turn; in a
backfill they wait eight hours at most: then the next day holds, and those after it fail and can be cleared. Backfill
days in their order: in reverse, each waits for days that Airflow does not start before it, and fails after eight hours.

**If a task fails**
* *there are no metrics of …* — the day was not measured; the message holds the command.
* *there are no decisions of …* — the day before was not decided; the message holds the command. Backfill from that day
  on.
* `record` *is paused* — the training could not start. Unpause `train`, then clear the task `train` of this run.
* `record` *ended as failed* — mend and clear the run of `train` that the message names; when it has ended, clear
  `record` here, which writes the outcome anew. There is never a second training for the day.
* `record` *is still running* — clear it when that run has ended.
""",
    "rollback": """
**Goes back to a version that was champion before**, from the day that the form names. `roll_back` writes one entry to
the ledger and lets the registry's alias `champion` follow; nothing is trained or deleted, and a rollback can itself be
rolled back. The next scoring uses it. The task's log says until which day it flies: an entry with a later effective
day still takes over on that day.

Days that are scored already keep their version: to score one again, trigger `score` for it with `rescore`.

**If the task fails** nothing has changed.
* *was never champion* / *does not exist* — the message lists the versions that can be named, and since when they flew.
* *may have seen the outcomes* — the version was trained as of a later day than `effective_from`.
* *cannot be loaded* — its files are missing or damaged in MLflow; restore them, or name another version.
* *The ledger is damaged* — restore its folder from a backup; `ledger` of the command line says what is wrong.
""",
    "maintenance": """
**Removes what nobody needs any more, and puts tables in order.** Started by hand it is a dry run, unless the form says
*apply*: it lists what would go, with counts and bytes, and changes nothing. It has a schedule only where the use case
declares `Retention(automatic=True)`: **runs of the schedule remove**, and a trigger by the form unpauses it.

{keeps}

Never removed: the newest content of any day, the ledger, claims, decisions, corrections, registered versions and their
models. A version whose training data go gets the tag `airworthy.no_longer_reproducible` first, and `reproduce` says
why.

It may run beside everything else, and again after it was killed. What it leaves to an operator, such as old runs in
Airflow's database, is in docs/maintenance.md, with the commands.

**If the task fails**
* *there are versions … now* / *the ledger has a new entry* — somebody registered or promoted meanwhile; it is tried
  again by itself.
* *could not be looked at* / *has no tag* — the rest was done; the message says what is wrong there. Nothing is removed
  that a version may need.
* *has changed its content* — should never happen: restore the table to the version that the message names.
* *The ledger is damaged* / *MLflow does not answer* — nothing was removed.
""",
    "quarantine": """
**Sends rows that were quarantined back**, of the feeds {feeds}: released as they are, where the expectation was wrong
about them, or corrected, from a file. They become known on a later day, of which nothing is landed yet: what was known
on the days before, and what was decided on them, stays as it is. `send_back` writes one correction, which says who, why
and when, and is never changed; `data` lands it with that day and judges it like all rows, a released reason excepted.

Look at the rows with `quarantine {name}` of the command line, and `show`; `export` writes a file to correct. Put the
corrected file into the folder `{name}/inbox` of the lake, and give the form its name. A late outcome becomes a label as
late ones do; a row of a day that is over is never scored.

**If the task fails** nothing has changed, and sending the same again changes nothing either.
* *is landed or decided already* / *is not after* / *lies before* — the message names the first free day.
* *were sent back before* — a row is replayed once; the message says with which correction.
* *are quarantined for … too* — name these reasons as well, or leave these rows out.
* *but no quarantined row has* / *are as they were quarantined* — the message names the rows of the file.
* *lacks / has undeclared columns* / *cannot be read* — keep the columns and the header of the export.
""",
    "reproduce": """
**Builds a registered version again from its registry entry alone**: the recorded Delta versions of `features` and
`labels` (their digests are checked down to the rows), the window, the parameters and the seed. The trees must be equal
byte for byte. Lake, ledger and alias stay as they are; the outcome is the artifact `reproduction.json` of the version's
run, and its tag `reproduced` (`equal`, `differs` or `not rebuilt`).

What has changed since the training (code, commit, lock file, processor, declaration, data) is reported even where the
trees are equal. A day that was corrected since is read as it was.

**If the task fails**
* *the recipe was changed since it was registered* — somebody changed the version's tags; what made the model is
  not known.
* *is not what was registered* — the report in the log says which tree is the first to differ, and what has changed.
  Check out the commit that it names, install that `requirements.txt`, and reproduce the version there.
* *could not be built again* — the report names the tables and days that were removed, lost or damaged; what
  `maintenance` has removed, with the reason.
* *there is no version* — the message lists the versions.
* *cannot be loaded* — the registered files are missing or damaged; restore MLflow's artifacts.
""",
}


def _limits(use_case: UseCase) -> dict[str, object]:
    """What the monitor's text says of the declared limits."""
    limits = use_case.monitoring
    return {
        "matures": use_case.label.label_delay_periods,
        "window": limits.window_periods,
        "min_periods": limits.min_periods,
        "quantile": limits.drift_quantile,
        "times": limits.drift_factor,
        "performance": "; ".join(map(str, [*limits.performance, *limits.baselines])) or "no metric has a limit",
        "volume": limits.volume_change,
        "nulls": limits.max_null_increase,
        "unseen": limits.unseen,
        "stale": limits.stale_periods,
        "age": limits.max_age_days,
    }


def _deliveries(use_case: UseCase) -> str:
    """What the data DAG's text says of files that others deliver; nothing where there are none."""
    lines = [
        f"* `{feed.name}`: `s3://{feed.landing.bucket}/{feed.landing.prefix}`, for {feed.landing.wait} after midnight"
        for feed in use_case.feeds
        if feed.landing
    ]
    if not lines:
        return ""
    listed = "\n".join(lines)
    return f"""
**Files are waited for first**, without a worker slot, by `wait_for_<feed>`:
{listed}

* *are not there* — ask who delivers them, and clear the task when they are.
* *cannot be read* — nothing of that day was written. Have the file delivered again, and clear the task.
* A file that changes after its day was published is told of and not taken, unless the form says `take_changed`.
"""


def dag_documentation(use_case: UseCase, kind: str) -> str:
    """Markdown for the DAG's page."""
    training, costs, policy = use_case.training, use_case.costs, use_case.retraining
    text = TEXTS[kind].format(
        name=use_case.name,
        feeds=", ".join(f"`{feed.name}`" for feed in use_case.feeds),
        look_back=use_case.look_back_periods,
        train=training.min_train_periods,
        validation=training.validation_periods,
        test=training.test_periods,
        gap=training.gap_periods,
        gates="\n".join(f"* {gate}" for gate in use_case.gates) or "There are none, so no model is ever promoted.",
        asks="the use case does" if use_case.approval.required else "the use case does not",
        threshold=costs.threshold,
        missed=costs.missed,
        false_positive=costs.false_positive,
        unit=costs.unit,
        **_limits(use_case),
        policy="\n".join(f"* {rule}" for rule in policy.rules()),
        memory=policy.decision_lookback_periods,
        keeps="\n".join(f"* {rule}" for rule in use_case.retention.rules()),
    )
    text += _deliveries(use_case) if kind == "data" else ""
    notice = f"> {use_case.notice}\n\n" if use_case.notice else ""
    links = " · ".join(f"[{name}]({address})" for name, address in use_case.links.items())
    return (
        f"**{DESCRIPTIONS[kind]}**\n{text}\n{notice}**Objective**: {use_case.objective}\n\n"
        f"**Label** `{use_case.label.name}`: {use_case.label.meaning}\n\n**Owner**: {use_case.owner}\n\n{links}\n"
    )
