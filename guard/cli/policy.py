"""`guard policy`: test a policy document, compare it with another, and see what it decides."""

from __future__ import annotations

import io
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guard.cli.checking import Line, decided, one_line
from guard.cli.common import FELL_SHORT, JsonFlag, err, group, out, record, show_json, show_table
from guard.settings import load_settings

if TYPE_CHECKING:
    from guard.pipeline.replay import Redecided
    from policies import Examiner, Policy
    from policies.cases import CaseResult

app = group("Policy documents.", example="guard policy test my-policy.yaml")

EMBEDDED = "default"
_AGO = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_SHOWN = 20

PolicyOption = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        help="Policy document; if not given, the one that the settings name, or the embedded one.",
        exists=True,
        dir_okay=False,
    ),
]
AloneFlag = Annotated[
    bool,
    typer.Option("--alone", metavar="", help="Leave out the further judges that the settings name."),
]


@app.command("test")
def run_tests(
    file: Annotated[
        Path | None,
        typer.Argument(help="Policy document; the embedded one if not given.", exists=True, dir_okay=False),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Validate a policy document and run its own test cases. Exit code 1 if it is invalid or a case fails.

    The document alone is tested, with the embedded classifier; further judges that the settings name are not asked.

    Example: `guard policy test my-policy.yaml`
    """
    from policies import Judge, run_cases

    judge = Judge.default(file)
    results = run_cases(judge.policy, judge)
    failed = [result for result in results if not result.passed]
    if as_json:
        show_json({"policy": judge.policy.id, "version": judge.policy.version, "digest": judge.policy.digest,
                   "cases": len(results), "failed": [result.id for result in failed],
                   "results": [_result(result) for result in results]})  # fmt: skip
    else:
        for result in failed:
            err.print(_failure(result), style="red", markup=False)
        out.print(f"{judge.policy.id}@{judge.policy.version} {judge.policy.digest}", markup=False)
        out.print(f"{len(results) - len(failed)} of {len(results)} cases passed")
    if failed:
        raise typer.Exit(FELL_SHORT)


@app.command("check")
def check(
    file: Annotated[
        str | None,
        typer.Argument(
            help="Prompts, one JSON object a line: text, and optionally id and context; - for stdin."
        ),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option("--text", help="A prompt, instead of a file; may be given several times."),
    ] = None,
    policy: PolicyOption = None,
    alone: AloneFlag = False,
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print each decision as one line of JSON, in order.")
    ] = False,
) -> None:
    """Decide on prompts. Exit code 1 if one could not be decided on; what was blocked is no failure.

    Shows of each its number, or the id that its line has, then action, reason and the score behind it, or the highest
    if nothing acted; then totals. Texts are not repeated. A context holds what the service would know: audience,
    medium, regions, tenant, has_reference, reference_has_face, reference_is_person. Further judges that the settings
    name are asked as the service asks them; texts go to those that are elsewhere.

    Example: `guard policy check --text "a quiet lake" --text "Darth Vader buys ice cream"`

    Example: `guard policy check prompts.jsonl --json > decisions.jsonl`

    Example: `echo '{"text": "a quiet lake", "context": {"regions": ["EU"]}}' | guard policy check - --json`
    """
    if bool(text) == (file is not None):
        raise typer.BadParameter("name a file of prompts, or give prompts with --text", param_hint="FILE")
    judge = _examiner(policy, alone=alone)
    counts: Counter[str] = Counter()
    categories: Counter[str] = Counter()
    failed = 0
    with _asked(file, text) as prompts:
        for number, prompt in prompts:
            answer, decision = decided(judge, number, prompt)
            if decision is None:
                failed += 1
                if not as_json:
                    err.print(f"{number}: {answer['error']['message']}", style="red", markup=False)
            else:
                counts[decision.action.value] += 1
                categories.update(decision.categories)
                if not as_json:
                    out.print(one_line(answer, decision), markup=False, highlight=False)
            if as_json:
                sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    if not as_json:
        out.print(f"{judge.policy.id}@{judge.policy.version} {judge.policy.digest}", markup=False)
        out.print(", ".join(f"{counts[action]} {action}" for action in ("allow", "review", "block")))
        for name, count in categories.most_common():
            out.print(f"  {count:>6} {name}", markup=False)
    if failed:
        raise typer.Exit(FELL_SHORT)


@app.command("diff")
def diff(
    old: Annotated[str, typer.Argument(help="Policy document; default is the embedded one.")],
    new: Annotated[str, typer.Argument(help="The one to compare it with.")],
    as_json: JsonFlag = False,
) -> None:
    """Show what a policy changes: thresholds, lists, rules, overlays, and which way. Exit code 1 if they differ.

    Example: `guard policy diff default my-policy.yaml`
    """
    from policies import differences

    before, after = _policy(old), _policy(new)
    changes = differences(before, after)
    if as_json:
        show_json(
            {
                "old": {"policy": f"{before.id}@{before.version}", "digest": before.digest},
                "new": {"policy": f"{after.id}@{after.version}", "digest": after.digest},
                "changes": [change.model_dump(mode="json") for change in changes],
            }
        )
    elif not changes:
        out.print("Both decide alike.")
    else:
        for change in changes:
            effect = "" if change.effect == "either" else f" ({change.effect})"
            values = " -> ".join(
                json.dumps(value, ensure_ascii=False, default=str)
                for value in (change.before, change.after)
                if value is not None
            )
            line = f"{change.kind:<8} {change.where}{effect}" + (f": {values}" if values else "")
            out.print(line, markup=False, highlight=False)
    if changes:
        raise typer.Exit(FELL_SHORT)


@app.command("replay")
def replay(
    policy: Annotated[
        Path, typer.Option("--policy", help="The policy document to try.", exists=True, dir_okay=False)
    ],
    since: Annotated[
        str, typer.Option(help="How far back: 12h, 30d, 2w, or a day such as 2026-11-01 (UTC).")
    ],
    until: Annotated[str, typer.Option(help="Up to when; now if not given.")] = "",
    texts: Annotated[
        bool,
        typer.Option(
            "--texts", metavar="", help="Show the prompts whose decision changes; never those under seal."
        ),
    ] = False,
    alone: AloneFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Decide again on the recorded prompts and show what would change. Nothing is written.

    Prompts are decrypted here and judged under the circumstances that were recorded with them; scores are those of
    this version's classifier. Erased prompts are counted and left out. Further judges that the settings name are asked
    again, of all but prompts under seal; with --alone nobody is, and no text leaves this machine.

    Example: `guard policy replay --policy my-policy.yaml --since 30d`
    """
    from guard.pipeline.replay import replay as decide_again
    from guard.store import StoreError

    judge = _examiner(policy, alone=alone)
    skipped: Counter[str] = Counter()
    moves: Counter[tuple[str, str]] = Counter()
    changed: list[dict[str, Any]] = []
    with record() as opened:
        if opened.vault is None:
            raise StoreError("master_key_missing", "The key of the prompts is not in this data folder.")
        first, last = _moment(since, "--since"), _moment(until, "--until") if until else None
        for found in decide_again(
            opened.database, opened.vault, judge, since=first, until=last, skipped=skipped
        ):
            moves[found.before, found.after] += 1
            if found.changed:
                changed.append(_shown(found, texts=texts))
    if as_json:
        show_json({"policy": f"{judge.policy.id}@{judge.policy.version}", "digest": judge.policy.digest,
                   "judges": [member.name for member in judge.panel.members],
                   "decided": sum(moves.values()), "skipped": dict(skipped),
                   "moves": [{"before": before, "after": after, "count": count}
                             for (before, after), count in sorted(moves.items())],
                   "changed": changed})  # fmt: skip
        return
    out.print(f"{judge.policy.id}@{judge.policy.version} {judge.policy.digest}", markup=False)
    left = ", ".join(f"{count} {code}" for code, count in sorted(skipped.items()))
    out.print(f"{sum(moves.values())} prompts decided again" + (f"; left out: {left}" if left else ""))
    actions = ("allow", "review", "block")
    rows = [[before, *(moves[before, after] for after in actions)] for before in actions]
    show_table(["on record", *(f"now {action}" for action in actions)], rows)
    for entry in changed[:_SHOWN]:
        text = f'  "{entry["text"]}"' if entry.get("text") else ""
        line = f"{entry['decision']}  {entry['before']} -> {entry['after']} ({entry['reason']}){text}"
        out.print(line, markup=False, highlight=False)
    if len(changed) > _SHOWN:
        out.print(f"… and {len(changed) - _SHOWN} more; --json lists them all")


def _result(result: CaseResult) -> dict[str, Any]:
    limits = result.thresholds
    return asdict(result) | {"thresholds": None if limits is None else limits.model_dump()}


def _failure(result: CaseResult) -> str:
    wanted = result.expected + (f" for {result.category}" if result.category else "")
    limits = result.thresholds
    acts = f"review from {limits.review}, block from {limits.block}" if limits else "switched off"
    rules = f"rules {', '.join(result.rules)}" if result.rules else "no rule matched"
    return (
        f"failed: {result.id}: wanted {wanted}, got {result.got} ({result.reason})\n"
        f"  highest score {result.highest} {result.score:.3f} ({acts}); {rules}"
    )


def _shown(found: Redecided, *, texts: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "decision": found.decision_id,
        "before": found.before,
        "after": found.after,
        "reason_before": found.reason_before,
        "reason": found.reason_after,
        "categories": list(found.categories),
    }
    if texts and not found.sealed:
        shown["text"] = found.text
    return shown


def _examiner(policy: Path | None, *, alone: bool) -> Examiner:
    from guard.judging import text_examiner

    settings = load_settings()
    return text_examiner(settings, policy or settings.policy, alone=alone)


@contextmanager
def _asked(file: str | None, texts: list[str] | None) -> Iterator[Iterator[tuple[int, str | Line]]]:
    """The prompts to decide on, with their numbers from 1: texts, or the lines of a file that are not empty."""
    if file is None:
        yield iter(enumerate(texts or (), 1))
        return
    with _lines(file) as lines:
        yield ((number, Line(line)) for number, line in enumerate(lines, 1) if line.strip())


@contextmanager
def _lines(file: str) -> Iterator[Iterator[str]]:
    """The lines of a file or of standard input; bytes that are no UTF-8 become signs that stand for them."""
    if file == "-":
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8", errors="replace")
        yield iter(sys.stdin)
        return
    with Path(file).open(encoding="utf-8-sig", errors="replace") as opened:
        yield iter(opened)


def _policy(name: str) -> Policy:
    from policies import load_policy

    return load_policy(None if name == EMBEDDED and not Path(name).exists() else Path(name))


def _moment(given: str, option: str) -> datetime:
    """A day, a moment, or so long ago."""
    now = datetime.now(UTC)
    ago = _AGO.fullmatch(given)
    if ago is not None:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise typer.BadParameter(
            "write 12h, 30d, 2w, or a day such as 2026-11-01", param_hint=option
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
