"""How a model that was built again differs from the registered one."""

from __future__ import annotations

from include.model.model import Model


def model_differences(registered: Model, rebuilt: Model) -> list[str]:
    """What differs, in words; none where trees (byte for byte), encoding and baselines are equal."""
    found = []
    if there := _trees(_text(registered), _text(rebuilt)):
        found.append(there)
    before, after = registered.encoding, rebuilt.encoding
    if list(before.features.items()) != list(after.features.items()):
        found.append(f"the encoding reads {dict(after.features)}, not {dict(before.features)}")
    for name in sorted({*before.vocabulary, *after.vocabulary}):
        then, now = (vocabulary.get(name, ()) for vocabulary in (before.vocabulary, after.vocabulary))
        if words := set(then) ^ set(now):
            found.append(f"{len(words)} values of category {name!r} are in one vocabulary only: {sorted(words)[:5]}")
        elif then != now:
            found.append(f"category {name!r} has the same values in another order")
    if registered.prior != rebuilt.prior:
        found.append(f"the prior is {rebuilt.prior.rate!r}, not {registered.prior.rate!r}")
    if registered.logistic != rebuilt.logistic:
        found.append("the logistic regression has other weights")
    return found


def _text(model: Model) -> str:
    """What makes the predictions: LightGBM's text up to its parameters, which name threads and files."""
    text: str = model.booster.model_to_string()
    return text.partition("\nparameters:")[0]


def _trees(registered: str, rebuilt: str) -> str:
    """Which tree is the first to differ; empty where all are equal, byte for byte."""
    if registered == rebuilt:
        return ""
    # Not the head nor what follows: they hold the trees' sizes and importances, and differ wherever a tree does.
    before, after = (text.partition("\nend of trees")[0].split("\nTree=")[1:] for text in (registered, rebuilt))
    pairs = enumerate(zip(before, after, strict=False))
    first = next((number for number, (one, other) in pairs if one.strip() != other.strip()), None)
    counts = f"{len(after)} trees were built, {len(before)} are registered"
    if first is not None:
        return f"the trees differ from tree {first} on: {counts}"
    if len(before) != len(after):
        return f"the trees differ: {counts}, and those in both are equal"
    return f"the trees are equal ({counts}), but not what LightGBM's text says around them (features, ranges)"
