"""The model card: all that an auditor or an operator asks of one version, as Markdown and as one HTML page."""

from include.logic.card.document import markdown
from include.logic.card.facts import Facts, Slice, Split
from include.logic.card.page import html

__all__ = ["Facts", "Slice", "Split", "html", "markdown"]
