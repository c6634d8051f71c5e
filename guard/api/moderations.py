"""The policy's opinion on texts and pictures, as the wire's moderation endpoint gives it. Nothing is kept."""

from __future__ import annotations

import secrets
from contextlib import nullcontext
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool

from guard.api import description, fields
from guard.api.auth import Caller, requires
from guard.api.errors import ApiError
from guard.api.forms import declared_length, read_json
from guard.api.pictures import MOST_BYTES, decode_data_url
from guard.api.state import Guard, State
from policies import Decision, ModerationResult, PromptError, openai_map
from policies.combine import combine

router = APIRouter(prefix="/v1")
MOST_INPUTS = 32
_MOST_BODY = MOST_BYTES * 3 // 2
_SMALL_BODY = 1024 * 1024


@router.post("/moderations", openapi_extra=description.MODERATION)
async def create(
    request: Request, guard: Guard, caller: Annotated[Caller, Depends(requires("moderations"))]
) -> dict[str, Any]:
    """One result for a text, one for each text of a list, one for a list of parts together."""
    length = declared_length(request)
    # Room for pictures is room in memory, and taken like that of other uploads.
    small = length is not None and length <= _SMALL_BODY
    with nullcontext() if small else guard.upload_slot(address=None):
        return await _moderated(request, guard)


async def _moderated(request: Request, guard: State) -> dict[str, Any]:
    values = await read_json(request, _MOST_BODY)
    fields.only_known(values, ("input", "model"))
    fields.text(values, "model", most=200)  # there is one judge here, whatever name a client knows it by
    given = values.get("input")
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list) or not given:
        raise _invalid("input must be a string, a list of strings, or a list of parts.")
    if len(given) > MOST_INPUTS:
        raise _invalid(f"input may have at most {MOST_INPUTS} entries.")
    if all(isinstance(entry, str) for entry in given):
        judged = [[await run_in_threadpool(_judge_text, guard, text)] for text in given]
    else:
        judged = [[await _judge_part(guard, part) for part in given]]
    policy = guard.services.judge.policy
    decided = [combine(policy, [decision for _, decision in parts]) for parts in judged]
    return {
        "id": f"modr-{secrets.token_hex(12)}",
        "model": decided[0].model_id,
        "results": [
            _result([result for result, _ in parts], decision)
            for parts, decision in zip(judged, decided, strict=True)
        ],
    }


_Judged = tuple[ModerationResult, Decision]


async def _judge_part(guard: State, part: object) -> _Judged:
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(part, dict) and kind == "text" and isinstance(part.get("text"), str):
        return await run_in_threadpool(_judge_text, guard, part["text"])
    if isinstance(part, dict) and kind == "image_url" and isinstance(part.get("image_url"), dict):
        url = part["image_url"].get("url")
        if isinstance(url, str):
            async with guard.examinations:
                return await run_in_threadpool(_judge_picture, guard, url)
    raise _invalid(
        'A part reads {"type": "text", "text": …} or {"type": "image_url", "image_url": {"url": …}}.'
    )


def _judge_text(guard: State, text: str) -> _Judged:
    try:
        decision = guard.services.judge.judge_text(text)
    except PromptError as error:
        raise ApiError(400, error.code, str(error), param="input") from None
    return openai_map(decision), decision


def _judge_picture(guard: State, url: str) -> _Judged:
    picture = decode_data_url(url, guard.installation.paths.uploads)
    decision = guard.services.judge.judge_frames([picture], stage="input")
    return openai_map(decision, input_type="image"), decision


def _result(results: list[ModerationResult], decision: Decision) -> dict[str, Any]:
    """Of several parts, the worst counts in each category.

    Args:
        results: of each part.
        decision: on all of them.
    """
    names = list(results[0].categories)
    applied = {
        name: sorted(
            {kind for result in results for kind in result.category_applied_input_types[name]}, reverse=True
        )
        for name in names
    }
    return {
        "flagged": any(result.flagged for result in results),
        "categories": {name: any(result.categories[name] for result in results) for name in names},
        "category_scores": {name: max(result.category_scores[name] for result in results) for name in names},
        "category_applied_input_types": applied,
        "extended": {
            "action": decision.action,
            "reason": decision.reason,
            "categories": sorted(decision.categories),
            "scores": decision.scores,
            "severities": decision.severities,
            "policy": f"{decision.policy_id}@{decision.policy_version}",
            "policy_digest": decision.policy_digest,
            "model_digest": decision.model_digest,
            "user_text": decision.user_text,
            "evidence": [item.model_dump(mode="json") for item in decision.evidence],
        },
    }


def _invalid(message: str) -> ApiError:
    return ApiError(400, "invalid_value", message, param="input")
