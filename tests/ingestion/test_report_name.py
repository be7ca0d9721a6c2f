"""The name of a report's file has its counts, and is read without the file."""

from include.ingestion import validation_report
from include.ingestion.report_name import ReportName


def test_a_name_tells_what_it_was_made_of():
    for key in ("2013-01-05", "2013-01-05T05Z", "2013-W14-1"):
        name = ReportName(key, "refused", 12, 3, validation_report.content_of("b2-0"))
        assert ReportName.parse(name.file) == name and name.period.key == key
