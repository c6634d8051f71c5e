"""Any service that answers ``POST /moderations`` as OpenAI's does: OpenAI itself, a gateway, or another Guard."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from policies.judges.opinion import JudgeError, Opinion
from policies.taxonomy import CATEGORIES, Category

WIRE: dict[str, Category] = {
    "harassment": Category.HATE_HARASSMENT,
    "harassment/threatening": Category.HATE_HARASSMENT,
    "hate": Category.HATE_HARASSMENT,
    "hate/threatening": Category.HATE_HARASSMENT,
    "illicit": Category.ILLICIT_WEAPONS_DRUGS,
    "illicit/violent": Category.ILLICIT_WEAPONS_DRUGS,
    "self-harm": Category.SELF_HARM,
    "self-harm/intent": Category.SELF_HARM,
    "self-harm/instructions": Category.SELF_HARM,
    "sexual": Category.SEXUAL,
    "sexual/minors": Category.SEXUAL_MINORS,
    "violence": Category.VIOLENCE_GORE,
    "violence/graphic": Category.VIOLENCE_GORE,
}
"""Which of our categories each name of the wire stands for."""


class Post(Protocol):
    """Sends a request and gives the answer's body; whoever composes hands in an HTTP client that is bounded."""

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Post.

        Raises:
            JudgeError: ``unreachable``, ``timeout``, or ``refused`` for an answer that is no success.
        """


class ModerationEndpoint:
    """A judge behind the moderation wire.

    A category that the service flags counts as flagged, at the service's own threshold. Where the answer also carries
    scores by our own categories, as another Guard's does, those count as well.

    Args:
        base_url: Up to and including the version, such as ``https://api.openai.com/v1``.
        model: The model to ask for.
        key: Of the service; None sends none.
        post: The HTTP client.
    """

    digest = ""

    def __init__(self, base_url: str, model: str, key: str | None, post: Post) -> None:
        self.id = model
        self._url = base_url.rstrip("/") + "/moderations"
        self._headers = {"content-type": "application/json", "accept": "application/json"}
        if key is not None:
            self._headers["authorization"] = f"Bearer {key}"
        self._post = post

    def opinion(self, text: str) -> Opinion:
        """Judge one text; it leaves this machine for the service.

        Raises:
            JudgeError: ``unreachable``, ``timeout``, ``refused`` or ``unreadable``.
        """
        body = json.dumps({"model": self.id, "input": text}).encode()
        answer = self._post(self._url, body, self._headers)
        try:
            (result,) = json.loads(answer)["results"]
            return _understood(result)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise JudgeError("unreadable") from None


def _understood(result: Any) -> Opinion:
    """Scores and flags of one result; names that the wire does not have are passed over."""
    scores: dict[str, float] = {}
    flagged = set()
    if not isinstance(result["flagged"], bool):
        raise TypeError
    for name, score in result["category_scores"].items():
        if name in WIRE:
            _raise(scores, WIRE[name].value, score)
    for name, flag in result["categories"].items():
        if name in WIRE and flag is True:
            flagged.add(WIRE[name].value)
    if not scores:
        raise KeyError
    if result["flagged"] and not flagged:
        raise ValueError  # it objects, and to what, cannot be told
    for category, score in result.get("extended", {}).get("scores", {}).items():
        if category in CATEGORIES:
            _raise(scores, category, score)
    return Opinion(scores, frozenset(flagged))


def _raise(scores: dict[str, float], category: str, score: Any) -> None:
    if score is None:  # the wire may leave a score of `illicit` open
        return
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise ValueError
    scores[category] = max(float(score), scores.get(category, 0.0))
