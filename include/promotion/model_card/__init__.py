"""Write the model card of a version as Markdown and as one HTML page."""

from include.promotion.model_card.content import ModelCardContent, SliceSummary, SplitSummary
from include.promotion.model_card.render import CardParts, card_html, card_markdown, card_parts

__all__ = [
    "CardParts",
    "ModelCardContent",
    "SliceSummary",
    "SplitSummary",
    "card_html",
    "card_markdown",
    "card_parts",
]
