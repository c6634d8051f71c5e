"""One prompt, several scenes: what follows "then" or "dann" is a scene of its own."""

from __future__ import annotations

import re
from typing import Final

MOST_SCENES: Final = 6
_NEXT: Final = re.compile(
    r"[\s,;.]*\b(?:and then|then|after that|afterwards|cut to|und dann|dann|danach|anschließend|schnitt auf)\b[\s,:]*"
    r"|\s*\n+\s*|\s*;\s*",
    re.IGNORECASE,
)


def split_scenes(prompt: str, most: int = MOST_SCENES) -> list[str]:
    """The scenes of a prompt in order, at least one and at most `most`; what is too much joins the last."""
    parts = [part.strip() for part in _NEXT.split(prompt)]
    parts = [part for part in parts if part]
    if not parts:
        return [prompt]
    return [*parts[: most - 1], " ".join(parts[most - 1 :])] if len(parts) > most else parts
