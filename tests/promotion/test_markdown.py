"""Text from data in a Markdown template: it is shown as it is, and is never markup."""

import pytest
from jinja2 import UndefinedError
from markdown_it import MarkdownIt

from include.promotion import markdown
from include.promotion.markdown import code, escaped
from include.settings import REPOSITORY

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![look](https://example.org/spy.png)",
    "a|b\\|c\\",
    "`code` *bold* __strong__ ~~gone~~",
    "one\n\n# two\n- three",
    "&lt;b&gt; &#60;i&#62;",
    "<https://example.org>",
    '" onmouseover="alert(1)',
    "]: https://example.org",
    "1. first",
    "- item",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_is_shown_as_it_is_and_nothing_else(text):
    # The most willing reader there is: with HTML, tables and crossed-out words.
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    shown = " ".join(text.split())
    table = reader.parse(f"| a | b |\n|---|---|\n| {escaped(text)} | {code(text)} |")
    cells = [token for token in table if token.type == "inline"][2:]
    assert len(cells) == 2
    for inline in [reader.parse(escaped(text))[1], *cells]:
        assert {child.type for child in inline.children} <= {"text", "text_special", "code_inline"}
        assert "".join(child.content for child in inline.children) == shown
    assert [token.type for token in reader.parse(escaped(text))] == ["paragraph_open", "inline", "paragraph_close"]


def test_every_value_of_a_template_is_escaped_but_the_text_of_the_template():
    template = markdown._environment().from_string(
        "{% macro row(cell) %}| {{ cell }} |{% endmacro %}"
        "*{{ text }}* {{ row(text) }} {{ [text, text] | join(', ') }} {{ text | code }} {{ none | number }}"
    )
    assert template.render(text="<b>|") == r"*\<b\>\|* | \<b\>\| | \<b\>\|, \<b\>\| \<b\>\| –"


def test_a_value_that_a_template_lacks_is_an_error():
    with pytest.raises(UndefinedError, match="missing"):
        markdown._environment().from_string("{{ missing }}").render()


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "include/promotion").rglob("*.md.j2")), ids=lambda path: path.name
)
def test_no_template_joins_texts_by_what_escapes_for_html(path):
    # `~` escapes a text for HTML as soon as it is joined with an escaped one, and `safe` trusts it.
    tokens = [value for _, kind, value in markdown._environment().lex(path.read_text()) if kind in ("operator", "name")]
    assert not {"~", "safe"} & set(tokens)
