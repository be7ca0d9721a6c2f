"""Write the model card of a version as Markdown and as one HTML page."""

from include.promotion.model_card.content import ModelCardContent, SliceSummary, SplitSummary
from include.promotion.model_card.document import card_markdown
from include.promotion.model_card.html import card_html

__all__ = ["ModelCardContent", "SliceSummary", "SplitSummary", "card_html", "card_markdown"]
