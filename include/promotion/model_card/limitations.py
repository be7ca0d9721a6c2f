"""Write the limitations of a model as sentences derived from the card's content."""

from __future__ import annotations

from include.declaration.gates import BASELINES, MODEL
from include.evaluation.gates import GATES
from include.promotion.model_card.content import ModelCardContent
from include.promotion.model_card.escaping import code, escaped, number, share

SHIFT = 0.05
"""Smallest difference of the shares of positives in train and test that is mentioned."""


def card_limitations(facts: ModelCardContent) -> list[str]:
    """Return the limitations as sentences in Markdown, at least one."""
    return [*_tested(facts), *_judged(facts), *_data(facts), *_numbers(facts)]


def _tested(facts: ModelCardContent) -> list[str]:
    test, train = facts.splits.get("test"), facts.splits.get("train")
    if test is None or train is None:
        return ["This run has not kept its train and test days."]
    return [
        f"It was trained on {train.first} to {train.last} and tested only on {test.first} to {test.last}: its"
        f" performance in other seasons or events is unknown. It has no data from {escaped(facts.as_of)} on."
    ]


def _judged(facts: ModelCardContent) -> list[str]:
    if not facts.verdicts:
        return ["No gate has judged it."]
    sentences = [
        f"{label}: {escaped(each.gate)}. {escaped(each.reason)}"
        for outcome, label in (("failed", "Failed"), ("inconclusive", "Inconclusive"))
        for each in facts.verdicts
        if each.outcome == outcome
    ]
    judged = {each.kind for each in facts.verdicts}
    untested = [gate.untested for gate in GATES if gate.untested and gate.kind not in judged]
    return sentences + ([f"No gate is declared for: {'; '.join(untested)}."] if untested else [])


def _data(facts: ModelCardContent) -> list[str]:
    sentences = [escaped(caveat) for caveat in facts.caveats]
    if facts.notice:
        sentences.append(escaped(facts.notice))
    if facts.unlabelled_rows:
        labelled = sum(split.rows or 0 for split in facts.splits.values())
        part = share(facts.unlabelled_rows / (facts.unlabelled_rows + labelled))
        sentences.append(
            f"{number(facts.unlabelled_rows)} rows (about {part} of all) had no label. If they differ from the"
            " labelled ones, neither training nor test shows it."
        )
    if facts.missing_days:
        sentences.append(f"Days without features: {escaped(', '.join(facts.missing_days))}.")
    for name, ranges in facts.null_features.items():
        sentences.append(f"The feature {escaped(name)} was declared later: it is null on {escaped(', '.join(ranges))}.")
    sentences += [f"It was trained on periods that were stale. {escaped(sentence)}." for sentence in facts.stale]
    small = [each for each in facts.slices or () if each.worse is None]
    if small:
        names = ", ".join(
            f"{escaped(group.column)} = {escaped(group.group)} ({number(group.rows)})" for group in small[:10]
        )
        more = f" and {len(small) - 10} more" if len(small) > 10 else ""
        sentences.append(f"Groups with too few rows to be judged, with their number of rows: {names}{more}.")
    return sentences


def _numbers(facts: ModelCardContent) -> list[str]:
    sentences = []
    interval = (facts.intervals or {}).get("log_loss")
    for baseline in BASELINES:
        value = facts.test.get(baseline, {}).get("log_loss")
        if interval and value is not None and interval[0] <= value <= interval[1]:
            sentences.append(
                f"The log loss of {baseline}, {number(value)}, is within the model's interval: these days alone do not"
                " show which is better."
            )
    train, test = facts.splits.get("train"), facts.splits.get("test")
    before, after = train.positives if train else None, test.positives if test else None
    if before is not None and after is not None and abs(before - after) >= SHIFT:
        sentences.append(
            f"The share of {code(facts.label)} changed from {share(before)} on the train days to {share(after)} on the"
            " test days, and may change again."
        )
    own = (facts.validation.get(MODEL, {}).get("log_loss"), facts.test.get(MODEL, {}).get("log_loss"))
    if own[0] is not None and own[1] is not None and own[1] > own[0] * 1.1:
        sentences.append(
            f"Log loss is worse on the test days ({number(own[1])}) than on validation ({number(own[0])})."
        )
    return sentences
