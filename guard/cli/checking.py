"""What `guard policy check` answers to one prompt, and what is wrong with a line that holds none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

    from policies import Decision, Examiner

_LONGEST_LINE = 1_000_000
_LONGEST_ID = 64


@dataclass(frozen=True)
class Line:
    """A line of a file of prompts, which should be a JSON object."""

    content: str


def decided(judge: Examiner, number: int, given: str | Line) -> tuple[dict[str, Any], Decision | None]:
    """The answer to one prompt, and the decision if there is one.

    Args:
        judge: decides.
        number: of the prompt or line, from 1.
        given: the prompt itself, or the line that holds it.
    """
    from pydantic import ValidationError

    from policies import Context, PromptError

    answer: dict[str, Any] = {"line": number}
    try:
        fields = {"text": given} if isinstance(given, str) else _fields(given.content)
        if "id" in fields:
            answer["id"] = fields["id"]
        text = fields.get("text")
        if not isinstance(text, str):
            wrong = "must be a string" if "text" in fields else "is missing"
            raise PromptError("line_invalid", f'text {wrong}: a line reads {{"text": "a quiet lake"}}.')
        context = fields.get("context")
        decision = judge.judge_text(text, context=Context.model_validate({} if context is None else context))
    except PromptError as error:
        return answer | {"error": {"code": error.code, "message": str(error)}}, None
    except ValidationError as error:
        return answer | {"error": {"code": "context_invalid", "message": _wrong(error)}}, None
    return answer | decision.model_dump(mode="json", exclude={"context"}), decision


def one_line(answer: dict[str, Any], decision: Decision) -> str:
    """A decision for the terminal: id or number, action, reason, the score behind it; nothing of the text."""
    given = answer.get("id")
    named = isinstance(given, int) or (isinstance(given, str) and given.isprintable() and given.strip())
    label = str(given) if named and len(str(given)) <= _LONGEST_ID else str(answer["line"])
    category = decision.categories[0] if decision.categories else decision.highest[0]
    score = decision.scores[category]
    return f"{label}  {decision.action.value:<6}  {decision.reason}  {category} {score:.3f}"


def _fields(line: str) -> dict[str, Any]:
    from policies import PromptError

    if len(line) > _LONGEST_LINE:
        raise PromptError("line_too_long", f"A line may have at most {_LONGEST_LINE} characters.")
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        raise PromptError("line_invalid", "The line is no valid JSON.") from None
    if not isinstance(given, dict):
        raise PromptError("line_invalid", 'A line is an object such as {"text": "a quiet lake"}.')
    return given


def _wrong(error: ValidationError) -> str:
    """What is wrong with a context, and what is allowed; never what was given."""
    from policies import Context

    said = []
    for one in error.errors(include_input=False, include_url=False):
        place = ".".join(("context", *map(str, one["loc"])))
        if one["type"] == "extra_forbidden":
            said.append(f"context has an unknown key, known are {', '.join(Context.model_fields)}")
        elif not one["loc"]:
            said.append("context must be an object")
        else:
            said.append(f"{place}: {one['msg'][0].lower()}{one['msg'][1:]}")
    return "; ".join(dict.fromkeys(said)) + "."
