"""Judge a test by the results of the champion's gates."""

from __future__ import annotations

from collections.abc import Iterable

from include.evaluation.gates import GATE_KINDS
from include.score_card.definitions import Verdict
from include.score_card.evidence import Evidence

NO_CHAMPION = "There is no champion."
SHOWN = 8
"""Names that a sentence lists."""


def judge_gates(found: Evidence, kind: str, text: str) -> Verdict:
    """Return the verdict of the champion's gates of a kind.

    It is passed if there are some and all passed.
    """
    gate = GATE_KINDS[kind].__name__
    results = [result for result in found.gate_results if result["kind"] == kind]
    if not results:
        missing = NO_CHAMPION if found.entry is None else f"The champion has no result of a {gate}."
        return Verdict("not met", missing, f"Declare {gate}, and train a model.")
    failed = [result for result in results if result["outcome"] != "passed"]
    if failed:
        worst = failed[0]
        return Verdict("not met", f"{worst['gate']}: {worst['outcome']}. {worst['reason']}", "See the model card.")
    said = f"{len(results)} of {len(results)} passed, at each training: {named(r['gate'] for r in results)}."
    return Verdict("passed", f"{text} {said}".strip())


def named(names: Iterable[object]) -> str:
    """Return names as a list in a sentence; long lists are cut."""
    listed = [str(name) for name in names]
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return (", ".join(listed[:SHOWN]) or "none") + more
