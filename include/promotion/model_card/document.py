"""Write the card's Markdown, section by section."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from include.declaration.gates import BASELINES, CHAMPION, MODEL
from include.model.metrics import METRICS
from include.promotion.model_card import limitations
from include.promotion.model_card.content import Metrics, ModelCardContent, SliceSummary
from include.promotion.model_card.escaping import code, escaped, image, number, share, table

MARKS = {
    "passed": "✔ passed",
    "failed": "✘ failed",
    "inconclusive": "? inconclusive",
    "informational": "· informational",
}
"""Text of an outcome; the mark shows it without the colour."""
ALLOWED = " (allowed)"
"""Added to a failed or inconclusive outcome that does not prevent the promotion."""
PLACES = {"verdicts": "gates", "slices": "slices", "champion": "champion", "importance": "features"}
"""Name of an image to its section; other images are in the last section."""
NOT_KEPT = "This run has not kept"
GROUPS_SHOWN = 5
FEATURES_SHOWN = 15


def card_markdown(facts: ModelCardContent) -> str:
    """Return the whole card; images have the address `../<artifact path>`."""
    sections = {
        "What it is for": _purpose,
        "Data": _data,
        "How good it is": _quality,
        "Slices": _slices,
        "Gates": _gates,
        "Compared with the champion": _champion,
        "False alarms": _false_alarms,
        "Limits": _limits,
        "Features": _features,
        "Parameters": _parameters,
        "Lineage": _lineage,
        "Plots": _plots,
    }
    lines = [f"# Model card: {escaped(facts.use_case)}, version {escaped(facts.version)}", "", _summary(facts)]
    if facts.notice:
        lines += ["", f"> {escaped(facts.notice)}"]
    for heading, section in sections.items():
        lines += ["", f"## {heading}", "", *section(facts)]
    text = "\n".join(lines)
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text.strip() + "\n"


def _summary(facts: ModelCardContent) -> str:
    judged = facts.verdicts or ()
    counted = [f"{sum(verdict.outcome == word for verdict in judged)} {word}" for word in MARKS]
    counts = ", ".join(words for words in counted if not words.startswith("0 "))
    outcome = f"**Gates {facts.gates}**" + (f" ({counts})" if counts else "")
    gates = outcome if facts.gates else "**Gates not judged yet**"
    test = facts.splits.get("test")
    tested = f", tested on {test.days} days from {test.first} to {test.last}" if test else ""
    return f"Trained as of {escaped(facts.as_of)} on {escaped(_range(facts.window))}{tested}. {gates}."


def _range(days: str) -> str:
    return days.replace("..", " to ")


def _purpose(facts: ModelCardContent) -> list[str]:
    costs = facts.costs
    unit = escaped(costs.unit)
    lines = [
        f"- **Objective**: {escaped(facts.objective)}",
        f"- **Predicts**: {code(facts.label)} – {escaped(facts.label_meaning)}",
        f"- **Labels are complete** {facts.label_delay_periods} days after their day.",
        f"- **Owner**: {escaped(facts.owner)}",
        f"- **What a prediction decides**: positive from a probability of {number(costs.threshold)} on. A false"
        f" negative costs {number(costs.false_negative)} {unit}, a false positive {number(costs.false_positive)}. With"
        f" calibrated probabilities the threshold {number(costs.false_positive)} / ({number(costs.false_positive)} +"
        f" {number(costs.false_negative)}) minimises the expected cost (Elkan 2001).",
        f"- **Why it was trained**: {escaped(facts.reason) or 'no reason was given'}",
    ]
    return lines + [
        f"- **{escaped(name[:1].upper() + name[1:])}**: {escaped(url)}" for name, url in facts.links.items()
    ]


def _data(facts: ModelCardContent) -> list[str]:
    rows = [
        (name, split.first, split.last, str(split.days), number(split.rows), share(split.positives))
        for name, split in facts.splits.items()
    ]
    of = f"`{facts.label}` = 1" if code(facts.label).startswith("`") else "label = 1"
    lines = table(("split", "first day", "last day", "days", "labelled rows", of), rows, (3, 4, 5))
    lines += [
        f"- **Window**: {escaped(_range(facts.window))}, as known on {escaped(facts.as_of)}. The days between the"
        " splits are left out on purpose.",
        f"- **Rows without a label**: {number(facts.unlabelled_rows)}, left out of training and test.",
        f"- **Days without features**: {escaped(', '.join(facts.missing_days)) or 'none'}.",
    ]
    tables = [(name, value) for name, value in facts.lineage.items() if name.startswith(("features,", "labels,"))]
    return lines + [f"- **{escaped(name[:1].upper() + name[1:])}**: {code(value)}" for name, value in tables]


def _quality(facts: ModelCardContent) -> list[str]:
    lines = ["### On the test days", ""]
    if facts.test:
        lines += _metrics(facts, facts.test, facts.intervals or {})
        model = facts.test.get(MODEL, {})
        lines += [
            f"On average the model predicts {share(model.get('mean_prediction'))};"
            f" {share(model.get('base_rate'))} of the rows were positive.",
            "",
            "The 95 % interval shows how much the number varies with the choice of days (jackknife, leaving out one day"
            " at a time)."
            if facts.intervals
            else f"{NOT_KEPT} any intervals.",
        ]
    else:
        lines += [f"{NOT_KEPT} metrics of its test days."]
    lines += ["", "### On the validation days", ""]
    if facts.validation:
        lines += ["The number of trees was chosen on these days, so these metrics are optimistic.", ""]
        return lines + _metrics(facts, facts.validation, {})
    return [*lines, f"{NOT_KEPT} metrics of its validation days."]


def _metrics(facts: ModelCardContent, metrics: Metrics, intervals: Mapping[str, tuple[float, float]]) -> list[str]:
    """Return a table with a row per metric and a column per subject."""
    subjects = [subject for subject in (MODEL, *reversed(BASELINES), CHAMPION) if subject in metrics]
    titles = {CHAMPION: f"champion {facts.champion}" if facts.champion else "champion"}
    head = ["metric", MODEL, *(["95 % interval"] if intervals else [])]
    head += [escaped(titles.get(subject, subject)) for subject in subjects if subject != MODEL]
    rows = []
    for metric, defined in METRICS.items():
        if not any(metric in metrics[subject] for subject in subjects):
            continue
        unit = f", {escaped(facts.costs.unit)}" if defined.unit == "cost" else ""
        interval = [" to ".join(number(end) for end in intervals.get(metric, ())) or "–"] if intervals else []
        values = [number(metrics[subject].get(metric)) for subject in subjects if subject != MODEL]
        own = f"**{number(metrics.get(MODEL, {}).get(metric))}**"
        rows.append([f"{defined.title}{unit} ({defined.better} is better)", own, *interval, *values])
    return table(head, rows, range(1, len(head)))


def _slices(facts: ModelCardContent) -> list[str]:
    if facts.slices is None:
        return [f"{NOT_KEPT} metrics of groups of rows."]
    if not facts.slices:
        declared = any(each.kind == "slice" for each in facts.verdicts or ())
        return ["No group could be judged; the gates say why." if declared else "No slice gate is declared."]
    parts: dict[tuple[str, float | None], list[SliceSummary]] = {}
    for each in facts.slices:
        parts.setdefault((each.column, each.limit), []).append(each)
    lines, rows = list[str](), list[tuple[str, ...]]()
    for (column, limit), part in parts.items():
        worst = sorted((each for each in part if each.worse is not None), key=lambda each: -(each.worse or 0.0))
        for each in worst[:GROUPS_SHOWN]:
            beyond = limit is not None and (each.worse or 0.0) > limit
            group = (escaped(column), escaped(each.group), number(each.rows))
            values = (number(each.value), number(each.compared), number(each.worse), number(limit))
            rows.append((*group, *values, MARKS["failed"] if beyond else MARKS["passed"]))
        judged = f"{len(worst)} groups judged" if len(worst) != 1 else "1 group judged"
        lines.append(f"- **{escaped(column)}**: {judged}, the worst {min(len(worst), GROUPS_SHOWN)} shown.")
    head = ("column", "group", "rows", "value", "compared with", "worse by", "limit", "within")
    return [*lines, *table(head, rows, range(2, 7)), *_images(facts, "slices")]


def _gates(facts: ModelCardContent) -> list[str]:
    if not facts.verdicts:
        return [f"{NOT_KEPT} verdicts of its gates.", *_decisions(facts)]
    rows = []
    for each in facts.verdicts:
        allowed = ALLOWED if each.outcome in ("failed", "inconclusive") and not each.blocks else ""
        values = (number(each.value), number(each.limit), escaped(each.reason))
        rows.append((escaped(each.gate), MARKS[each.outcome] + allowed, *values))
    lines = table(("gate", "outcome", "value", "limit", "reason"), rows, (2, 3))
    return [*_decisions(facts), *_images(facts, "gates"), *lines]


def _decisions(facts: ModelCardContent) -> list[str]:
    return ["", *(f"- {escaped(decision)}" for decision in facts.decisions), ""]


def _champion(facts: ModelCardContent) -> list[str]:
    if facts.champion is None:
        return [f"{NOT_KEPT} a comparison with a champion."]
    if not facts.champion:
        return [f"There was no champion on {escaped(facts.as_of)} to compare with."]
    comparisons = [verdict for verdict in facts.verdicts or () if verdict.kind == "champion"]
    lines = [f"The champion of {escaped(facts.as_of)} was version {escaped(facts.champion)}."]
    if not comparisons:
        lines.append("No gate compares with it.")
    lines += ["", *(f"- {MARKS[verdict.outcome]}: {escaped(verdict.reason)}" for verdict in comparisons)]
    return [*lines, *_images(facts, "champion")]


def _false_alarms(facts: ModelCardContent) -> list[str]:
    """Return how often each monitoring limit would trigger without a change."""
    if not facts.false_alarms:
        return [f"{NOT_KEPT} the false alarms of its monitoring limits."]
    rows = []
    for each in facts.false_alarms:
        process = f"its own {each.days} days" if each.own else f"the default process ({each.days} days of its own)"
        simulated = number(each.per_year, 2) if each.per_year is not None else escaped(each.missing_reason)
        rows.append((escaped(each.label), number(each.declared), simulated, process))
    head = ("monitoring limit", "declared, a year", "simulated, a year", "simulated from")
    return ["Trainings per year that each limit would trigger although nothing changed.", *table(head, rows, (1, 2))]


def _limits(facts: ModelCardContent) -> list[str]:
    return [f"- {sentence}" for sentence in limitations.card_limitations(facts)]


def _features(facts: ModelCardContent) -> list[str]:
    if not facts.gains:
        return [f"{NOT_KEPT} the importance of its features; {len(facts.features)} are declared."]
    total = sum(facts.gains.values()) or 1.0
    ordered = sorted(facts.gains.items(), key=lambda item: (-item[1], item[0]))
    used = [(name, gain) for name, gain in ordered if gain > 0]
    unused = [name for name, gain in ordered if gain <= 0]
    rows = [(code(name), code(facts.features.get(name, "")), share(gain / total)) for name, gain in used]
    first = rows[:FEATURES_SHOWN]
    lines = [f"{len(ordered)} features; the {len(first)} with the most gain on the train days:"]
    lines += table(("feature", "type", "share of gain"), first, (2,))
    rest = ", ".join(code(name) for name in unused)
    lines.append(f"Without any gain ({len(unused)}): {rest}." if unused else "Every feature has some gain.")
    return [*lines, *_images(facts, "features")]


def _parameters(facts: ModelCardContent) -> list[str]:
    source = (
        f"Chosen by tuning on the validation days: study run {code(facts.tuned_by)}."
        if facts.tuned_by
        else "Not tuned: from the use case's declaration or the training's form."
    )
    rows = [(code(name), code(value)) for name, value in sorted(facts.parameters.items())]
    return [source, *(table(("parameter", "value"), rows) if rows else ["", f"{NOT_KEPT} any parameters."])]


def _lineage(facts: ModelCardContent) -> list[str]:
    lines = table(("input", "value"), [(escaped(name), code(value)) for name, value in facts.lineage.items()])
    dag = f"{facts.use_case}__reproduce"
    return [
        *lines,
        f"To rebuild it from these alone, trigger the DAG {code(dag)} with version {escaped(facts.version)}: equal"
        " data, code, lock file and kind of processor give the same trees, byte for byte.",
    ]


def _plots(facts: ModelCardContent) -> list[str]:
    return _images(facts, "") or [f"{NOT_KEPT} any other plots."]


def _images(facts: ModelCardContent, section: str) -> list[str]:
    shown = [path for path in facts.plots if PLACES.get(PurePosixPath(path).stem, "") == section]
    return [line for path in sorted(shown) for line in image(_caption(path), path)]


def _caption(path: str) -> str:
    return PurePosixPath(path).stem.replace("_", " ").capitalize()
