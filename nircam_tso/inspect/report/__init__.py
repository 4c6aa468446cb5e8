"""A product on one self-contained interactive HTML page, drawn with Bokeh."""

from nircam_tso.inspect.report.writing import check_report_path, write_report

__all__ = ["check_report_path", "write_report"]
