"""The card's Markdown, section by section; every sentence follows from the facts."""

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
"""How an outcome is written; a mark besides the colour."""
ALLOWED = " (allowed)"
"""Added to an outcome that does not keep the model from being promoted, though it is none to be glad of."""
PLACES = {"verdicts": "gates", "slices": "slices", "champion": "champion", "importance": "features"}
"""Image, by its name, to the section that it stands in; all others stand at the end."""
NOT_KEPT = "This run has not kept"
GROUPS_SHOWN = 5
FEATURES_SHOWN = 15


def card_markdown(facts: ModelCardContent) -> str:
    """The whole card. Equal facts give equal text; images are named as `../<artifact path>`."""
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
    counted = [f"{sum(each.outcome == word for each in judged)} {word}" for word in MARKS]
    told = ", ".join(words for words in counted if not words.startswith("0 "))
    gates = f"**Gates {facts.gates}**" + (f" ({told})" if told else "") if facts.gates else "**Gates not judged yet**"
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
        f"- **What a prediction decides**: a warning from a probability of {number(costs.threshold)} on. A case that is"
        f" missed costs {number(costs.missed)} {unit}, a false warning {number(costs.false_positive)}; the threshold"
        f" {number(costs.false_positive)} / ({number(costs.false_positive)} + {number(costs.missed)}) makes the"
        f" expected"
        " cost least where probabilities are right (Elkan 2001).",
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
    tables = [(name, told) for name, told in facts.lineage.items() if name.startswith(("features,", "labels,"))]
    return lines + [f"- **{escaped(name[:1].upper() + name[1:])}**: {code(told)}" for name, told in tables]


def _quality(facts: ModelCardContent) -> list[str]:
    lines = ["### On the test days", ""]
    if facts.test:
        lines += _metrics(facts, facts.test, facts.intervals or {})
        model = facts.test.get(MODEL, {})
        lines += [
            f"On average the model predicts {share(model.get('mean_prediction'))};"
            f" {share(model.get('base_rate'))} of the rows were positive.",
            "",
            "The interval says how far the number may move when other days are drawn: 95 %, leaving out one day at a"
            " time (jackknife)."
            if facts.intervals
            else f"{NOT_KEPT} any intervals.",
        ]
    else:
        lines += [f"{NOT_KEPT} metrics of its test days."]
    lines += ["", "### On the validation days", ""]
    if facts.validation:
        lines += ["The number of trees was chosen on these days, so they flatter the model.", ""]
        return lines + _metrics(facts, facts.validation, {})
    return [*lines, f"{NOT_KEPT} metrics of its validation days."]


def _metrics(facts: ModelCardContent, found: Metrics, intervals: Mapping[str, tuple[float, float]]) -> list[str]:
    """Metrics down, subjects across; the champion where it was judged on the same days."""
    subjects = [each for each in (MODEL, *reversed(BASELINES), CHAMPION) if each in found]
    called = {CHAMPION: f"champion {facts.champion}" if facts.champion else "champion"}
    head = ["metric", MODEL, *(["95 % interval"] if intervals else [])]
    head += [escaped(called.get(each, each)) for each in subjects if each != MODEL]
    rows = []
    for metric, defined in METRICS.items():
        if not any(metric in found[each] for each in subjects):
            continue
        unit = f", {escaped(facts.costs.unit)}" if defined.unit == "cost" else ""
        interval = [" to ".join(number(end) for end in intervals.get(metric, ())) or "–"] if intervals else []
        values = [number(found[each].get(metric)) for each in subjects if each != MODEL]
        own = f"**{number(found.get(MODEL, {}).get(metric))}**"
        rows.append([f"{defined.title}{unit} ({defined.better} is better)", own, *interval, *values])
    return table(head, rows, range(1, len(head)))


def _slices(facts: ModelCardContent) -> list[str]:
    if facts.slices is None:
        return [f"{NOT_KEPT} how it does in groups of rows."]
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
            told = (number(each.value), number(each.compared), number(each.worse), number(limit))
            of = (escaped(column), escaped(each.group), number(each.rows), *told)
            rows.append((*of, MARKS["failed"] if beyond else MARKS["passed"]))
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
        told = (number(each.value), number(each.limit), escaped(each.reason))
        rows.append((escaped(each.gate), MARKS[each.outcome] + allowed, *told))
    lines = table(("gate", "outcome", "value", "limit", "reason"), rows, (2, 3))
    return [*_decisions(facts), *_images(facts, "gates"), *lines]


def _decisions(facts: ModelCardContent) -> list[str]:
    return ["", *(f"- {escaped(decision)}" for decision in facts.decisions), ""]


def _champion(facts: ModelCardContent) -> list[str]:
    if facts.champion is None:
        return [f"{NOT_KEPT} a comparison with a champion."]
    if not facts.champion:
        return [f"No model flew on {escaped(facts.as_of)}, so there was none to compare with."]
    told = [each for each in facts.verdicts or () if each.kind == "champion"]
    lines = [f"The champion of {escaped(facts.as_of)} was version {escaped(facts.champion)}."]
    if not told:
        lines.append("No gate compares with it.")
    lines += ["", *(f"- {MARKS[each.outcome]}: {escaped(each.reason)}" for each in told)]
    return [*lines, *_images(facts, "champion")]


def _false_alarms(facts: ModelCardContent) -> list[str]:
    """How often each monitoring limit would ask for a training of a model that has not changed."""
    if not facts.false_alarms:
        return [f"{NOT_KEPT} how often its monitoring limits ask falsely."]
    rows = []
    for each in facts.false_alarms:
        process = f"its own {each.days} days" if each.own else f"the default process ({each.days} days of its own)"
        simulated = number(each.per_year, 2) if each.per_year is not None else escaped(each.state)
        rows.append((escaped(each.label), number(each.declared), simulated, process))
    head = ("monitoring limit", "declared, a year", "simulated, a year", "simulated from")
    return ["Trainings that would be asked for in a year though the model has not changed.", *table(head, rows, (1, 2))]


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
    lines = [f"{len(ordered)} features; the {len(first)} that brought the most gain on the train days:"]
    lines += table(("feature", "type", "share of gain"), first, (2,))
    rest = ", ".join(code(name) for name in unused)
    lines.append(f"Without any gain ({len(unused)}): {rest}." if unused else "Every feature brought some gain.")
    return [*lines, *_images(facts, "features")]


def _parameters(facts: ModelCardContent) -> list[str]:
    told = (
        f"Chosen by tuning on the validation days: study run {code(facts.tuned_by)}."
        if facts.tuned_by
        else "Not tuned: as declared by the use case, or as the training's form said."
    )
    rows = [(code(name), code(value)) for name, value in sorted(facts.parameters.items())]
    return [told, *(table(("parameter", "value"), rows) if rows else ["", f"{NOT_KEPT} any parameters."])]


def _lineage(facts: ModelCardContent) -> list[str]:
    lines = table(("made from or by", "is"), [(escaped(name), code(told)) for name, told in facts.lineage.items()])
    again = f"{facts.use_case}__reproduce"
    return [
        *lines,
        f"To rebuild it from these alone, trigger the DAG {code(again)} with version {escaped(facts.version)}: equal"
        " data, code, lock file and kind of processor give the same trees, byte for byte.",
    ]


def _plots(facts: ModelCardContent) -> list[str]:
    return _images(facts, "") or [f"{NOT_KEPT} any other plots."]


def _images(facts: ModelCardContent, section: str) -> list[str]:
    shown = [path for path in facts.plots if PLACES.get(PurePosixPath(path).stem, "") == section]
    return [line for path in sorted(shown) for line in image(_caption(path), path)]


def _caption(path: str) -> str:
    return PurePosixPath(path).stem.replace("_", " ").capitalize()
