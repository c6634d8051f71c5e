"""How well prompts are judged, and how fast.

    python -m benchmarks.policies --prompts FOLDER [--held-out [--device cuda]] [--work SCRATCH] [--json FILE]
    python -m benchmarks.policies --quick

Only sets and splits that training and thresholds never saw are measured; `--held-out` also trains without one
source at a time and tests on it. The folder holds third-party sets
(`policies/sources.py` says in which form); without it, our own held-out prompts are used. Beside every figure
stand n-grams alone, the length of the text and the rules alone.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.policies_heldout import held_out_sources
from benchmarks.policies_measures import (
    MODERATED,
    Judged,
    Report,
    against_benign,
    by_category,
    calibration,
    ranking,
    spread,
    text,
)
from benchmarks.policies_own import own
from benchmarks.policies_peers import peers
from benchmarks.policies_speed import speed
from benchmarks.table import finish, show_rows
from policies import Action, load_policy
from policies.combined import embedded_classifier
from policies.embedding import UniversalEncoder
from policies.metrics import bootstrap
from policies.sources import VIDEO_BENIGN, Row, read_rows
from policies.taxonomy import CATEGORIES
from policies.training import Encoders

HATE_SETS = ("gahd", "germeval2018", "hatecheck_en", "multilingual_hatecheck")
OWN = ("own", "authored")
QUICK = 60
"""Of our own held-out topics one in so many is measured by `--quick`."""
PUBLISHED = (
    ("OpenAI's API", 0.856, "its authors"),
    ("Llama Guard 1, 7B", 0.847, "its authors"),
    ("ShieldGemma 9B", 0.907, "quoted elsewhere"),
)
NOT_WITHOUT_SETS = (
    ("AUPRC on openai_moderation", ">= 0.88"),
    ("harmless prompts blocked, PartiPrompts and FETV", "<= 0.005"),
)
NOT_WITHOUT_TRAINING = (
    ("CoProV2 left out: recall at 2 % of harmless video prompts", ">= 0.85"),
    ("CoProV2 left out: AUROC against its own safe twins", ">= 0.85"),
)


def third_party(report: Report, rows: list[Row], judged: Judged) -> None:
    """The sets of others, each beside harmless prompts for videos and captions."""
    everything = judged(
        spread([r for r in rows if r.split in ("test", "heldout") and not r.source.startswith(OWN)])
    )
    benign = everything.pick(lambda r: r.source in VIDEO_BENIGN)
    for source in sorted({row.source for row in everything.rows}):
        part = everything.pick(lambda r, s=source: r.source == s)
        split = "held out" if part.rows[0].split == "heldout" else "test split"
        name = f"{source} ({part.rows[0].lang}, {split})"
        if source in VIDEO_BENIGN:
            report.row(
                "harmless video prompts and captions",
                set=name,
                n=len(part.rows),
                blocked=text(bootstrap(part.share(Action.BLOCK)), 4),
                held=text(bootstrap(part.share(Action.REVIEW)), 4),
            )
            continue
        against_benign(report, "recall at a share of harmless video prompts", name,
                       part.pick(lambda r: r.unsafe), benign)  # fmt: skip
        if source in HATE_SETS:
            ranking(report, name, part, ["hate_harassment"])
        elif not part.unsafe.all() and source != "openai_moderation":
            ranking(report, name, part)
    moderation = everything.pick(lambda r: r.source == "openai_moderation")
    name = "openai_moderation (held out, 128 rows fewer than published)"
    ranking(report, name, moderation)
    value = ranking(report, name, moderation, MODERATED)
    for peer, figure, by in PUBLISHED:
        report.row("openai_moderation, published", judge=peer, auprc=figure, said_by=by)
    by_category(report, "openai_moderation", moderation, benign)
    peers(report, name, moderation)
    blocked = everything.pick(lambda r: r.source in ("partiprompts", "fetv")).share(Action.BLOCK)
    calibration(report, "test splits and held-out sets", everything)
    report.goal("AUPRC on openai_moderation", ">= 0.88", value)
    report.goal("harmless prompts blocked, PartiPrompts and FETV", "<= 0.005", float(blocked.mean()))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prompts", type=Path, help="folder of third-party sets")
    parser.add_argument("--held-out", action="store_true", help="also train without one source at a time")
    parser.add_argument("--device", default="cpu", help="where --held-out trains: cpu (default) or cuda")
    parser.add_argument("--work", type=Path, help="scratch folder that keeps embeddings between runs")
    parser.add_argument("--quick", action="store_true", help="own prompts alone")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    if not options.quick and options.prompts is None:
        parser.error("give --prompts FOLDER, or --quick")
    policy, classifier = load_policy(), embedded_classifier()
    rows = read_rows(None if options.quick else options.prompts)
    report = Report()
    judged = Judged(policy, classifier)
    if options.quick:
        for name, wanted in NOT_WITHOUT_SETS:
            report.goal(name, wanted, None)
    else:
        third_party(report, rows, judged)
    encoder = UniversalEncoder.installed()
    if options.held_out and not options.quick and encoder is not None:
        held_out_sources(
            report, options.prompts, encoder, Encoders.installed(), options.device, options.work,
            lambda line, _share: print(line, file=sys.stderr),
        )  # fmt: skip
    else:
        for name, wanted in NOT_WITHOUT_TRAINING:
            report.goal(name, wanted, None)
    own(report, rows, judged, every=QUICK if options.quick else 1)
    speed(report, classifier, every=QUICK if options.quick else 1)
    for title, lines in report.tables.items():
        show_rows(title, lines)
    found = {
        "date": datetime.now(UTC).date().isoformat(),
        "model": classifier.id,
        "digest": classifier.digest,
        "policy": policy.digest,
        "categories": CATEGORIES,
        "tables": report.tables,
    }
    return finish(report.goals, found, options.json)


if __name__ == "__main__":
    raise SystemExit(main())
