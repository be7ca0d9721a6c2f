"""Limits: what the numbers do not show, as sentences that follow from the facts."""

from __future__ import annotations

from include.declaration.gates import BASELINES, MODEL
from include.evaluation.gates import GATES
from include.promotion.model_card.content import ModelCardContent
from include.promotion.model_card.escaping import code, escaped, number, share

SHIFT = 0.05
"""Difference of the share of positives between train and test, from which on it is mentioned."""


def card_limitations(facts: ModelCardContent) -> list[str]:
    """Sentences in Markdown, at least one: no model is without limits."""
    return [*_tested(facts), *_judged(facts), *_data(facts), *_numbers(facts)]


def _tested(facts: ModelCardContent) -> list[str]:
    test, train = facts.splits.get("test"), facts.splits.get("train")
    if test is None or train is None:
        return ["This run has not kept the days that it was trained and tested on."]
    return [
        f"It learned from {train.first} to {train.last} and was tested on {test.first} to {test.last} alone: what other"
        f" seasons or events do to it is not known. Of what happened from {escaped(facts.as_of)} on it knows nothing."
    ]


def _judged(facts: ModelCardContent) -> list[str]:
    if not facts.verdicts:
        return ["No gate has judged it."]
    found = [
        f"{label}: {escaped(each.gate)}. {escaped(each.reason)}"
        for outcome, label in (("failed", "Failed"), ("inconclusive", "Inconclusive"))
        for each in facts.verdicts
        if each.outcome == outcome
    ]
    judged = {each.kind for each in facts.verdicts}
    untested = [gate.untested for gate in GATES if gate.untested and gate.kind not in judged]
    return found + ([f"No gate is declared for: {'; '.join(untested)}."] if untested else [])


def _data(facts: ModelCardContent) -> list[str]:
    found = [escaped(each) for each in facts.caveats]
    if facts.notice:
        found.append(escaped(facts.notice))
    if facts.unlabelled_rows:
        labelled = sum(split.rows or 0 for split in facts.splits.values())
        part = share(facts.unlabelled_rows / (facts.unlabelled_rows + labelled))
        found.append(
            f"{number(facts.unlabelled_rows)} rows (about {part} of all) had no label. If they differ from the"
            " labelled ones, neither training nor test shows it."
        )
    if facts.missing_days:
        found.append(f"Days without features: {escaped(', '.join(facts.missing_days))}.")
    for name, ranges in facts.null_features.items():
        found.append(f"The feature {escaped(name)} was declared later: it is null on {escaped(', '.join(ranges))}.")
    found += [f"It learned from periods that were stale when it was trained. {escaped(each)}." for each in facts.stale]
    small = [each for each in facts.slices or () if each.worse is None]
    if small:
        names = ", ".join(
            f"{escaped(each.column)} = {escaped(each.group)} ({number(each.rows)})" for each in small[:10]
        )
        more = f" and {len(small) - 10} more" if len(small) > 10 else ""
        found.append(f"Groups with too few rows to be judged, with their rows: {names}{more}.")
    return found


def _numbers(facts: ModelCardContent) -> list[str]:
    found = []
    interval = (facts.intervals or {}).get("log_loss")
    for baseline in BASELINES:
        value = facts.test.get(baseline, {}).get("log_loss")
        if interval and value is not None and interval[0] <= value <= interval[1]:
            found.append(
                f"The log loss of {baseline}, {number(value)}, lies within the model's interval: taken alone, these"
                " days do not show which is better."
            )
    train, test = facts.splits.get("train"), facts.splits.get("test")
    before, after = train.positives if train else None, test.positives if test else None
    if before is not None and after is not None and abs(before - after) >= SHIFT:
        found.append(
            f"The share of {code(facts.label)} moved from {share(before)} on the train days to {share(after)} on the"
            " test days, and may move again."
        )
    own = (facts.validation.get(MODEL, {}).get("log_loss"), facts.test.get(MODEL, {}).get("log_loss"))
    if own[0] is not None and own[1] is not None and own[1] > own[0] * 1.1:
        found.append(f"Log loss is worse on the test days ({number(own[1])}) than on validation ({number(own[0])}).")
    return found
