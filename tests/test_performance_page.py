"""The page of measurements keeps the sections that a run does not measure."""

from __future__ import annotations

import re

from benchmarks.report import PAGE, write_section


def test_sections_that_are_written_again_and_again_leave_the_others_as_they_were(tmp_path):
    page, before = tmp_path / "page.md", PAGE.read_text(encoding="utf-8")
    page.write_text(before, encoding="utf-8")
    titles = re.findall(r"^## (.*)$", before, re.MULTILINE)
    assert len(titles) > 5
    for title in titles * 3:
        content = page.read_text(encoding="utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
        write_section(title, content, page)
    assert page.read_text(encoding="utf-8") == before


def test_a_new_section_is_added_at_the_end(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Costs\n\n## One\n\n1\n", encoding="utf-8")
    write_section("Two", "2", page)
    assert page.read_text(encoding="utf-8") == "# Costs\n\n## One\n\n1\n\n## Two\n\n2\n"
