"""Write the model card of a version as Markdown and as one HTML page."""

from include.promotion.model_card.content import ModelCardContent, SliceSummary, SplitSummary
from include.promotion.model_card.render import card_html, card_markdown

__all__ = ["ModelCardContent", "SliceSummary", "SplitSummary", "card_html", "card_markdown"]
