"""The judge and all that the settings put around it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from guard.fingerprints.pdq import pdq
from guard.judge_settings import ConceptSettings, EndpointJudge, FurtherJudge, ModelJudge
from guard.models import ModelError, locate, named
from guard.outbound import BoundedPost
from guard.settings import Settings, SettingsError
from policies import Examiner, Judge, OpenClipScorer, OpenNsfwScorer
from policies.examiner import Listening
from policies.faces import FaceFinder
from policies.frames import FrameScorers
from policies.hashes import HashList, HashLists
from policies.judges import LlamaGuard, Member, ModerationEndpoint, Panel, Qwen3Guard, ShieldGemma
from policies.judges.opinion import TextJudge
from policies.lettering import TextReader
from policies.transcripts import TranscriptionEndpoint

FACES, LETTERING = "face-detector", "text-in-pictures"
"""Their names in the registry of weight files."""
_FAMILIES: dict[str, Callable[..., TextJudge]] = {
    "qwen3guard": Qwen3Guard,
    "llama_guard": LlamaGuard,
    "shieldgemma": ShieldGemma,
}


def examiner(settings: Settings, store: Path) -> Examiner:
    """Put it together; networks are loaded at first use.

    Args:
        settings: name what there is beside the embedded judge.
        store: where fetched models lie.

    Raises:
        PolicyError, ModelError, SettingsError: something that is configured cannot be used; nothing is left out in
            silence.
    """
    wanted = settings.examination
    judge = Judge.default(settings.policy)
    if wanted.concepts is not None:
        scorers = FrameScorers([OpenNsfwScorer(), _concepts(wanted.concepts, judge)])
        judge = Judge.default(settings.policy, scorers)
    reader, unread = _reader(store) if wanted.written else (None, "switched_off")
    finder, unseen = _finder(store) if wanted.faces else (None, "switched_off")
    lists = [HashList(one.name, one.path, one.category, one.distance) for one in wanted.hash_lists]
    listening = None
    if (asked := wanted.transcriber) is not None:
        post = BoundedPost(asked.timeout_seconds)
        endpoint = TranscriptionEndpoint(asked.base_url, asked.model, _key(asked.key_env), post)
        listening = Listening(endpoint, asked.on_failure)
    return Examiner(
        judge,
        panel=_panel(settings),
        faces=finder,
        lettering=reader,
        hash_lists=HashLists(lists, pdq) if lists else None,
        listening=listening,
        absent={"written": unread, "faces": unseen},
    )


def text_examiner(settings: Settings, policy: Path | None, *, alone: bool = False) -> Examiner:
    """Those who judge prompts, under a policy that need not be the one of the settings.

    Args:
        settings: name the further judges.
        policy: the document; None for the embedded one.
        alone: leave the further judges out.

    Raises:
        PolicyError, SettingsError: as `examiner`.
    """
    return Examiner(Judge.default(policy), panel=None if alone else _panel(settings))


def _panel(settings: Settings) -> Panel:
    return Panel([_member(one) for one in settings.examination.judges])


def _member(one: FurtherJudge) -> Member:
    return Member(
        name=one.name,
        judge=_judge(one),
        role=one.role,
        timeout=one.timeout_seconds,
        on_failure=one.without_answer,
        review=one.review,
        block=one.block,
        at_once=one.at_once if isinstance(one, EndpointJudge) else 1,
    )


def _judge(one: FurtherJudge) -> TextJudge:
    if isinstance(one, ModelJudge):
        _quiet()
        return _FAMILIES[one.kind](one.path, digest=one.digest, device=one.device, dtype=one.dtype)
    return ModerationEndpoint(one.base_url, one.model, _key(one.key_env), BoundedPost(one.timeout_seconds))


def _quiet() -> None:
    """Transformers writes past our logging."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable)
    if not key:
        raise SettingsError(
            "settings_invalid",
            f"The settings take a service's key from the environment variable {variable}, which is not set.",
        )
    return key


def _concepts(wanted: ConceptSettings, judge: Judge) -> OpenClipScorer:
    described = judge.policy.categories
    descriptions = {category.value: described[category].description.en for category in wanted.categories}
    scorer = OpenClipScorer(wanted.architecture, wanted.checkpoint, descriptions)
    if wanted.digest not in (None, scorer.digest):
        raise ModelError(
            "model_altered", f"{wanted.checkpoint.name} is not what its digest in the settings says."
        )
    return scorer


def _reader(store: Path) -> tuple[TextReader | None, str]:
    folder, why = _fetched(LETTERING, store)
    return (None if folder is None else TextReader(folder, named(LETTERING).digest)), why


def _finder(store: Path) -> tuple[FaceFinder | None, str]:
    folder, why = _fetched(FACES, store)
    return (None if folder is None else FaceFinder(folder)), why


def _fetched(name: str, store: Path) -> tuple[Path | None, str]:
    """The folder of weights that an operator may have fetched, or why there is none; altered ones stop the start."""
    try:
        return locate(name, store=store), ""
    except ModelError as error:
        if error.code != "model_missing":
            raise
        return None, error.code
