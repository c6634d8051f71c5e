"""Whether independent verifiers say of our files, and of changed ones, what we say.

    python -m benchmarks.credentials_agreement [--node FOLDER] [--json FILE]
    python -m benchmarks.credentials_agreement --quick

Some forty cases of each of six formats, and a few of seven more (`benchmarks.credentials_attacks`), are put to this
project, to `encypher-c2pa`, which shares no code with the C2PA library, and to `@contentauth/c2pa-node`, an older
engine of the same family.
FOLDER is where `npm install --ignore-scripts @contentauth/c2pa-node@0.5.5` was run; without it, that is not measured.
Answers are of four classes: trusted, untrusted (intact, signer unknown), broken (whatever does not hold or cannot be
read), none. `--quick` takes mp4 and jpg alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import encypher_c2pa

from benchmarks.credentials_attacks import Case, Maker
from benchmarks.credentials_surgery import FORMATS, OTHERS
from benchmarks.table import finish, goal
from guard.credentials import Trust, read
from guard.credentials.trust import TRUST_CONFIG

TYPES = FORMATS | OTHERS
OURS = {"trusted": "trusted", "valid": "untrusted", "absent": "none", "remote": "none"}
_HOLLOW = (
    "The library's hash leaves out free boxes, so it and its kin vouch for media in them that anybody may change; we "
    "walk the sample tables and say not_fully_protected."
)
_SEES_NONE = (
    "In a JPEG, it sees no manifest at all where a box around it is not called or typed as it should be; we say that "
    "what is there does not hold, or cannot be read."
)
_BOXES = ("label of the box of manifests", "label of the box of assertions", "label of the box of claim",
          "label of the box of signature", "type of the outer box")  # fmt: skip
EXPLAINED: dict[str, dict[str, str]] = {
    "encypher-c2pa": {
        "media in a free box, changed": _HOLLOW,
        "fragments in free boxes, changed": _HOLLOW,
        **{f"structure: {name}": _SEES_NONE for name in _BOXES},
    },
    "c2pa-node": {
        "media in a free box, changed": _HOLLOW,
        "fragments in free boxes, changed": _HOLLOW,
        "structure: label of the box of manifests": "It does not look at what the outermost box is called; we do, as "
        "encypher-c2pa does.",
    },
}
"""Known disagreements of each verifier, by case."""

NODE = """
import { Reader } from "@contentauth/c2pa-node";
import { readFileSync } from "node:fs";
const { settings, files } = JSON.parse(readFileSync(0, "utf8"));
for (const [path, mimeType] of files) {
  let answer;
  try {
    const reader = await Reader.fromAsset({ path, mimeType }, settings);
    answer = reader === null ? { none: true } : { state: reader.json().validation_state };
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  console.log(JSON.stringify(answer));
}
"""


@dataclass(frozen=True)
class Answer:
    """What one verifier says of one file."""

    verdict: str
    detail: str = ""


def ours(path: Path, trust: Trust) -> Answer:
    report = read(path, trust)
    detail = [report.state, report.reason or "", *report.failures, *report.ingredient_failures]
    return Answer(OURS.get(report.state, "broken"), " ".join(part for part in detail if part))


def encypher(path: Path, kind: str, anchor: str) -> Answer:
    try:
        report = encypher_c2pa.verify(
            path,
            TYPES[kind],
            trust_pem=anchor,
            no_default_trust=True,
            validation_time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            telemetry=False,
            online=False,
        )
    except ValueError as error:
        return Answer("broken", str(error)[:200])
    if not report["present"]:
        return Answer("none")
    if report["integrity"] != "valid":
        return Answer("broken", f"integrity {report['integrity']}")
    trusted = report["trust"]["status"] == "valid_for_supplied_material"
    return Answer("trusted" if trusted else "untrusted", report["trust"]["status"])


def node(cases: Sequence[Case], folder: Path, anchor: str) -> list[Answer]:
    """All at once, since a process of node takes longer to start than to read a file."""
    settings = {
        "trust": {"user_anchors": anchor, "trust_config": TRUST_CONFIG},
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    }
    request = {
        "settings": settings,
        "files": [[str(case.path), TYPES[case.format]] for case in cases],
    }
    ran = subprocess.run(
        ["node", "--input-type=module", "-e", NODE],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        timeout=600,
    )
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    if len(lines) != len(cases):
        raise SystemExit(f"node answered {len(lines)} of {len(cases)} times: {ran.stderr[-500:]}")
    return [_node_answer(line) for line in lines]


def _node_answer(line: Mapping[str, Any]) -> Answer:
    if line.get("none") or "no JUMBF data found" in line.get("error", ""):
        return Answer("none")
    if "error" in line:
        return Answer("broken", line["error"][:200])
    state = line["state"]
    return Answer({"Trusted": "trusted", "Valid": "untrusted"}.get(state, "broken"), state)


def compare(cases: Sequence[Case], answers: Mapping[str, Sequence[Answer]]) -> dict[str, Any]:
    """Per verifier: how many agree with us, and each that does not with its reason."""
    found: dict[str, Any] = {}
    for name, given in answers.items():
        if name == "ours":
            continue
        differing = []
        for case, mine, theirs in zip(cases, answers["ours"], given, strict=True):
            if mine.verdict != theirs.verdict:
                differing.append(
                    {
                        "format": case.format,
                        "case": case.name,
                        "ours": f"{mine.verdict}: {mine.detail}",
                        "theirs": f"{theirs.verdict}: {theirs.detail}",
                        "explained": EXPLAINED[name].get(case.name),
                    }
                )
        found[name] = {"files": len(cases), "agree": len(cases) - len(differing), "disagreements": differing}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--node", type=Path, help="folder with node_modules/@contentauth/c2pa-node")
    parser.add_argument("--quick", action="store_true", help="mp4 and jpg alone")
    parser.add_argument("--json", type=Path, help="write everything found here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["ENCYPHER_C2PA_CONFIG_DIR"] = name  # it saves its settings in the home folder
        maker = Maker(folder)
        trust = Trust.from_folder(folder / "keys")
        wanted = ("mp4", "jpg") if arguments.quick else tuple(FORMATS)
        cases = [case for kind in wanted for case in maker.cases(kind)]
        if not arguments.quick:
            cases += [case for kind in OTHERS for case in maker.other_cases(kind)]
        answers: dict[str, Sequence[Answer]] = {
            "ours": [ours(case.path, trust) for case in cases],
            "encypher-c2pa": [encypher(case.path, case.format, maker.anchor) for case in cases],
        }
        if arguments.node is not None:
            answers["c2pa-node"] = node(cases, arguments.node, maker.anchor)
    found = compare(cases, answers)
    unexpected = [
        f"{case.format}, {case.name}: {mine.detail}, expected {case.expected}"
        for case, mine in zip(cases, answers["ours"], strict=True)
        if mine.verdict != case.expected
    ]
    print(f"{len(cases)} files: {dict(Counter(case.format for case in cases))}")
    for line in unexpected:
        print(f"  not as expected: {line}")
    goals = [
        goal("cases of the formats together", ">= 40", len(cases)),
        goal("our answers that are not as expected", "= 0", len(unexpected)),
    ]
    for verifier in ("encypher-c2pa", "c2pa-node"):
        entry = found.get(verifier)
        open_ = None
        if entry is not None:
            print(f"{verifier}: {entry['agree']} of {entry['files']} agree")
            for row in entry["disagreements"]:
                print(f"  {row['format']}, {row['case']}: ours {row['ours']} | theirs {row['theirs']}")
                print(f"    {row['explained'] or 'NOT EXPLAINED'}")
            open_ = sum(row["explained"] is None for row in entry["disagreements"])
        goals.append(goal(f"disagreements with {verifier} that nothing explains", "= 0", open_))
    report = {"cases": dict(Counter(case.format for case in cases)), "unexpected": unexpected, **found}
    return finish(goals, report, arguments.json)


if __name__ == "__main__":
    raise SystemExit(main())
