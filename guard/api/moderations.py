"""The policy's opinion on texts and pictures, as the wire's moderation endpoint gives it.

Nothing is kept, with one exception: pictures under the minors rule are sealed, and the operator's hook is told of them,
so that they can be reported as the law requires.
"""

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
from guard.api.pictures import MOST_BYTES, data_of, decode_data_url, write_private
from guard.api.state import Guard, State
from guard.pipeline.sealing import seal_upload
from policies import Context, Decision, ModerationResult, PromptError, openai_map
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
    context = await run_in_threadpool(guard.services.context, caller.tenant_id, medium="text")
    with nullcontext() if small else guard.upload_slot(address=None):
        return await _moderated(request, guard, caller.tenant_id, context)


async def _moderated(request: Request, guard: State, tenant_id: str, context: Context) -> dict[str, Any]:
    values = await read_json(request, _MOST_BODY)
    fields.only_known(values, ("input", "model"))
    fields.text(values, "model", most=200)  # there is one judge here, whatever name a client knows it by
    given = values.get("input")
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list):
        raise _invalid("input must be a string, a list of strings, or a list of parts.")
    if not given:
        raise _invalid("input is an empty list: it needs at least one string or part.")
    if len(given) > MOST_INPUTS:
        raise _invalid(f"input may have at most {MOST_INPUTS} entries.")
    sealed_by = None
    if all(isinstance(entry, str) for entry in given):
        judged = [[await run_in_threadpool(_judge_text, guard, context, text)] for text in given]
    else:
        parts = [_part(number, part) for number, part in enumerate(given)]
        found: dict[int, _Judged] = {}
        try:
            await _judge_parts(guard, context, parts, found)
        finally:  # also where a later part cannot be read: what was seen, was seen
            sealed_by = await run_in_threadpool(_seal, guard, tenant_id, parts, found)
        judged = [[found[number] for number in range(len(parts))]]
    policy = guard.services.judge.policy
    decided = [combine(policy, [decision for _, decision in parts]) for parts in judged]
    return {
        "id": f"modr-{secrets.token_hex(12)}",
        "model": decided[0].model_id,
        "results": [
            _result(parts, decision, sealed_by) for parts, decision in zip(judged, decided, strict=True)
        ],
    }


_Judged = tuple[ModerationResult, Decision]
_Part = tuple[str, str]
"""Kind of a part, and its text or its address."""


async def _judge_parts(
    guard: State, context: Context, parts: list[_Part], judged: dict[int, _Judged]
) -> None:
    """Each part by itself, by its number; pictures first, since the texts are about them."""
    for number, (kind, value) in enumerate(parts):
        if kind == "image_url":
            async with guard.examinations:
                judged[number] = await run_in_threadpool(_judge_picture, guard, context, value)
    faces = [decision.context.reference_has_face for _, decision in judged.values()]
    if faces:
        found = None if None in faces else any(faces)
        context = context.model_copy(update={"has_reference": True, "reference_has_face": found})
    for number, (kind, value) in enumerate(parts):
        if kind == "text":
            judged[number] = await run_in_threadpool(_judge_text, guard, context, value)


def _seal(guard: State, tenant_id: str, parts: list[_Part], judged: dict[int, _Judged]) -> str | None:
    """Seal what was judged, if there are pictures in it and it falls under the minors rule; the decision's id then."""
    shown = [number for number in judged if parts[number][0] == "image_url"]
    if not shown:
        return None
    decision = combine(guard.services.judge.policy, [judged[number][1] for number in sorted(judged)])
    if not decision.sealed:
        return None
    text = "\n\n".join(parts[number][1] for number in sorted(judged) if number not in shown)
    folder = guard.installation.paths.uploads
    paths = [folder / f"picture-{number}-{secrets.token_hex(16)}" for number in shown]
    try:
        for number, path in zip(shown, paths, strict=True):
            write_private(path, data_of(parts[number][1], param="input"))
        return seal_upload(guard.services, tenant_id=tenant_id, decision=decision, text=text, paths=paths)
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def _part(number: int, part: object) -> _Part:
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(part, dict) and kind == "text" and isinstance(part.get("text"), str):
        return kind, part["text"]
    if isinstance(part, dict) and kind == "image_url" and isinstance(part.get("image_url"), dict):
        url = part["image_url"].get("url")
        if isinstance(url, str):
            return kind, url
    raise _invalid(
        f"input[{number}] is no part of a request; a list holds either strings alone or parts, and a part reads "
        '{"type": "text", "text": …} or {"type": "image_url", "image_url": {"url": …}}.'
    )


def _judge_text(guard: State, context: Context, text: str) -> _Judged:
    try:
        decision = guard.services.judge.judge_text(text, context=context)
    except PromptError as error:
        raise ApiError(400, error.code, str(error), param="input") from None
    return openai_map(decision), decision


def _judge_picture(guard: State, context: Context, url: str) -> _Judged:
    picture = decode_data_url(url, guard.installation.paths.uploads)
    shown = guard.services.judge.shows_face(picture)
    seen = context.model_copy(update={"medium": "image", "has_reference": True, "reference_has_face": shown})
    decision = guard.services.judge.judge_frames([picture], stage="input", context=seen)
    return openai_map(decision, input_type="image"), decision


def _result(parts: list[_Judged], decision: Decision, sealed_by: str | None) -> dict[str, Any]:
    """Of several parts, the worst counts in each category; the decision is on all of them, and recorded if sealed."""
    results = [result for result, _ in parts]
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
            "decision_id": sealed_by,
            "action": decision.action,
            "reason": decision.reason,
            "categories": sorted(decision.categories),
            "scores": decision.scores,
            "severities": decision.severities,
            "matches": [
                {"part": number, **match.model_dump(mode="json")}
                for number, (_, part) in enumerate(parts)
                for match in part.matches
            ],
            "policy": f"{decision.policy_id}@{decision.policy_version}",
            "policy_digest": decision.policy_digest,
            "model_digest": decision.model_digest,
            "mode": decision.mode,
            "user_text": decision.user_text,
            "operator_text": decision.operator_text,
            "evidence": [item.model_dump(mode="json") for item in decision.evidence],
        },
    }


def _invalid(message: str) -> ApiError:
    return ApiError(400, "invalid_value", message, param="input")
