"""One report, three forms: JSON for machines, HTML for screens, PDF for files."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Literal

import typst
from jinja2 import Environment, PackageLoader, StrictUndefined

from guard.pipeline.jobs import utc_now
from guard.reports.content import Report, Sources, build_report
from guard.reports.wording import LIMITS, WORDS, Language

_TEMPLATES = Path(__file__).parent / "templates"
PDF_STANDARD: Literal["a-2a"] = "a-2a"
"""PDF/A-2a: archivable, with a structure that screen readers follow."""


def write_report(
    sources: Sources,
    start: datetime,
    end: datetime,
    folder: Path,
    *,
    language: Language = "en",
    tenant_id: str | None = None,
    now: datetime | None = None,
) -> tuple[Path, Path, Path]:
    """Write ``report-<from>-<to>.json``, ``.html`` and ``.pdf``.

    Args:
        sources: of the installation.
        start: first moment, with a time zone.
        end: first moment after the period.
        folder: where to; made if missing.
        language: of HTML and PDF.
        tenant_id: count this tenant only.
        now: when the report is made; the clock if omitted.

    Returns:
        The three files.
    """
    made = now or utc_now()
    report = build_report(sources, start, end, now=made, tenant_id=tenant_id)
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"report-{report.start[:10]}-{report.end[:10]}"
    files = (folder / f"{stem}.json", folder / f"{stem}.html", folder / f"{stem}.pdf")
    files[0].write_text(report.model_dump_json(indent=2) + "\n", "utf-8")
    files[1].write_text(to_html(report, language), "utf-8")
    files[2].write_bytes(to_pdf(report, language, made))
    return files


def to_html(report: Report, language: Language) -> str:
    """The report as one self-contained page, without scripts."""
    environment = Environment(
        loader=PackageLoader("guard.reports"), autoescape=True, undefined=StrictUndefined
    )
    template = environment.get_template("report.html")
    return template.render(report=report, words=WORDS[language], limits=LIMITS, language=language)


def to_pdf(report: Report, language: Language, made: datetime) -> bytes:
    """The report as PDF/A; the same report gives the same bytes."""
    content = {
        "report": report.model_dump(mode="json"),
        "words": WORDS[language],
        "limits": LIMITS,
        "language": language,
    }
    return typst.compile(
        _TEMPLATES / "report.typ",
        output=None,
        format="pdf",
        sys_inputs={"content": json.dumps(content)},
        pdf_standards=PDF_STANDARD,
        ignore_system_fonts=True,
        timestamp=int(made.timestamp()),
    )
