"""What a person reads on a DAG's page: made from the declaration, so that it is never out of date."""

from __future__ import annotations

from include.use_case import UseCase

DESCRIPTIONS = {
    "data": "Each day: land what became known, validate it, build features and labels.",
    "train": "On Mondays, by hand or triggered: train, evaluate, register, and promote what passes its gates.",
    "score": "Each day: score with the champion of that day, and measure days whose labels are known by now.",
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
  and the Data Docs page. Correct the source and clear the task; or declare the day in `absent_days`.
* *raised instead of judging* — a mistake in `expectations.py`, not in the data.
* *lacks / has undeclared columns* — the source changed. Change `source.py` or the feed's columns.
""",
    "train": """
**Trains as of the run's day T**: on days whose labels are complete by T, cut by time into
{train} train days or more, {validation} validation days (early stopping) and {test} test days, {gap} days between them.

`prepare` builds features of the window that are not in the lake yet; `train` → `evaluate` → `register` → `promote`.
Every model is registered. It becomes the champion, effective from T, when it meets its gates: {gates}.
Otherwise it stays a version, and its tags and `promote`'s log say why.

**The form**: `day` (T), `window_days`, `parameters` (LightGBM overrides such as `{{"num_leaves": 15}}`), `reason`.
Training the same data, parameters and code again registers nothing new.
""",
    "score": """
**Scores the run's day with the champion of that day**: the promotion or rollback with the greatest effective day that
is not after it. A rerun keeps the version that the day was scored with, unless the form says `rescore` or names a
`version`.

`wait_for_features` → `score` → `measure`. `measure` writes realised metrics of the days whose labels are known by now.

**If a task fails**
* `wait_for_features` — the day has no features; the message holds the command that builds them.
* *no champion is effective* — train a model as of that day or an earlier one.
* *has seen that day* — the version you named was trained as of a later day; say `insist` to use it all the same.

A row is flagged (`warning`) from a probability of **{threshold:.2f}** on: a miss costs {missed:g}, a false warning
{false_warning:g} ({unit}).
""",
}


def doc_md(use_case: UseCase, kind: str) -> str:
    """Markdown for the DAG's page."""
    training, costs = use_case.training, use_case.costs
    text = TEXTS[kind].format(
        feeds=", ".join(f"`{feed.name}`" for feed in use_case.feeds),
        look_back=use_case.look_back_days,
        train=training.min_train_days,
        validation=training.validation_days,
        test=training.test_days,
        gap=training.gap_days,
        gates=", ".join(map(str, use_case.gates)) or "it has none, so no model is ever promoted",
        threshold=costs.threshold,
        missed=costs.missed,
        false_warning=costs.false_warning,
        unit=costs.unit,
    )
    notice = f"> {use_case.notice}\n\n" if use_case.notice else ""
    links = " · ".join(f"[{name}]({address})" for name, address in use_case.links.items())
    return (
        f"**{DESCRIPTIONS[kind]}**\n{text}\n{notice}**Objective**: {use_case.objective}\n\n"
        f"**Label** `{use_case.label.name}`: {use_case.label.meaning}\n\n**Owner**: {use_case.owner}\n\n{links}\n"
    )
