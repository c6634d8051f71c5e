"""Reports on a period: what happened, how it was counted, and the log checkpoint it rests on."""

from guard.reports.content import Report, build_report
from guard.reports.render import write_report

__all__ = ["Report", "build_report", "write_report"]
