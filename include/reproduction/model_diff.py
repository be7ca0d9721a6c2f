"""Compare a model that was built again with the registered one."""

from __future__ import annotations

from include.model.model import Model


def model_differences(registered: Model, rebuilt: Model) -> list[str]:
    """Return the differences of trees, encoding and baselines, in words."""
    found = []
    if tree_difference := _trees(_text(registered), _text(rebuilt)):
        found.append(tree_difference)
    before, after = registered.encoding, rebuilt.encoding
    if list(before.features.items()) != list(after.features.items()):
        found.append(f"the encoding reads {dict(after.features)}, not {dict(before.features)}")
    for name in sorted({*before.vocabulary, *after.vocabulary}):
        then, now = (vocabulary.get(name, ()) for vocabulary in (before.vocabulary, after.vocabulary))
        if words := set(then) ^ set(now):
            found.append(f"{len(words)} values of category {name!r} are in one vocabulary only: {sorted(words)[:5]}")
        elif then != now:
            found.append(f"category {name!r} has the same values in another order")
    for name, baseline in registered.baselines.items():
        if rebuilt.baselines.get(name) != baseline:
            found.append(f"the baseline {name} has other values")
    intervals = (model.bounds.to_json() if model.bounds else None for model in (registered, rebuilt))
    if next(intervals) != next(intervals):
        found.append("the intervals of the predictions have other ends")
    return found


def _text(model: Model) -> str:
    """Return LightGBM's text without its parameters, which name threads and files."""
    text: str = model.booster.model_to_string()
    return text.partition("\nparameters:")[0]


def _trees(registered: str, rebuilt: str) -> str:
    """Return which tree differs first; empty if all are equal, byte for byte."""
    if registered == rebuilt:
        return ""
    # Without head and tail: these contain sizes and importances, which differ whenever a tree does.
    before, after = (text.partition("\nend of trees")[0].split("\nTree=")[1:] for text in (registered, rebuilt))
    pairs = enumerate(zip(before, after, strict=False))
    first = next((number for number, (one, other) in pairs if one.strip() != other.strip()), None)
    counts = f"{len(after)} trees were built, {len(before)} are registered"
    if first is not None:
        return f"the trees differ from tree {first} on: {counts}"
    if len(before) != len(after):
        return f"the trees differ: {counts}, and those in both are equal"
    return f"the trees are equal ({counts}), but other parts of LightGBM's text differ (features, ranges)"
