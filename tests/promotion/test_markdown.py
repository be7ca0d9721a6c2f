"""Text from data in a Markdown template: it is shown as it is, and is never markup."""

from collections import Counter
from types import SimpleNamespace

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
    "one\u2028# two",
    "```",
    "---",
    "{{ 7 * 7 }} {% raw %}",
    "www.example.org somebody@example.org",
]
READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
"""The most willing reader there is: with HTML, tables and crossed-out words."""


def structure(markdown_text: str) -> Counter[str]:
    """How often each kind of markup is in a text."""
    tokens = READER.parse(markdown_text)
    inline = [child for token in tokens if token.type == "inline" for child in token.children]
    kinds = Counter(token.type for token in [*tokens, *inline])
    for kind in ("text", "text_special", "code_inline"):  # a label is code unless it holds a backtick
        del kinds[kind]
    return kinds


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_is_shown_as_it_is_and_nothing_else(text):
    shown = " ".join(text.split())
    table = READER.parse(f"| a | b |\n|---|---|\n| {escaped(text)} | {code(text)} |")
    cells = [token for token in table if token.type == "inline"][2:]
    assert len(cells) == 2
    for inline in [READER.parse(escaped(text))[1], *cells]:
        assert {child.type for child in inline.children} <= {"text", "text_special", "code_inline"}
        assert "".join(child.content for child in inline.children) == shown
    assert [token.type for token in READER.parse(escaped(text))] == ["paragraph_open", "inline", "paragraph_close"]


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


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_leaves_the_structure_of_a_question_and_of_a_description_as_it_is(text):
    assert structure(approval_request_of(text)) == structure(approval_request_of("plain"))
    assert structure(version_description_of(text)) == structure(version_description_of("plain"))


def approval_request_of(text: str) -> str:
    result = {"gate": text, "value": 0.1, "limit": None, "outcome": "failed", "reason": text}
    return markdown.render_markdown(
        "approval_request.md.j2",
        version=SimpleNamespace(
            number=text,
            as_of=text,
            window=text,
            training_reason=text,
            judged={"model": {}},
            gate_results=[result],
        ),
        replaced=SimpleNamespace(version=text, effective_from=text),
        followed=None,
        first=text,
        passed=[result | {"outcome": "passed"}],
        difference=text,
        gates=text,
        unit="day",
        links={text: "http://127.0.0.1:8080/card"},
        test={"first": text, "last": text},
        metrics={"auc": text},
        level=text,
        subjects={"model": text},
        champion_gate_results={text: result},
        notice=text,
    )


def version_description_of(text: str) -> str:
    return markdown.render_markdown(
        "version_description.md.j2",
        version=SimpleNamespace(
            trained=text, gates=text, gate_results=[{"gate": text, "outcome": "failed", "reason": text}]
        ),
        task=None,
        unit="day",
        passed=0,
        test={"first": text, "last": text, "periods": 2},
        metrics=[SimpleNamespace(name="auc", title=text, titled=lambda _: text)],
        measured={"model": {}, text: {}},
        notice=text,
    )
