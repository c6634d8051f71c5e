"""The families of guard models: how each is asked, and what its answer means in our categories.

Formats after the models' own cards: Qwen3Guard-Gen (Qwen), Llama Guard 3 and 4 (Meta), ShieldGemma (Google).
"""

import re
from collections.abc import Mapping
from pathlib import Path

from policies.judges.chat import ChatJudge
from policies.judges.opinion import JudgeError, Opinion
from policies.taxonomy import Category

MLCOMMONS: dict[str, Category | None] = {
    "S1": Category.VIOLENCE_GORE,
    "S2": Category.ILLICIT_WEAPONS_DRUGS,
    "S3": Category.NONCONSENSUAL_INTIMATE,
    "S4": Category.SEXUAL_MINORS,
    "S5": Category.PUBLIC_FIGURE_DEEPFAKE,
    "S6": None,  # specialised advice
    "S7": Category.PRIVACY_IMPERSONATION,
    "S8": Category.IP_COPYRIGHT,
    "S9": Category.ILLICIT_WEAPONS_DRUGS,
    "S10": Category.HATE_HARASSMENT,
    "S11": Category.SELF_HARM,
    "S12": Category.SEXUAL,
    "S13": Category.ELECTION_POLITICAL_DISINFORMATION,
    "S14": Category.JAILBREAK_OBFUSCATION,
}
"""The hazards that Llama Guard names, and ours, as in the taxonomy; the likelier one where it has two."""

QWEN: dict[str, Category | None] = {
    "Violent": Category.VIOLENCE_GORE,
    "Non-violent Illegal Acts": Category.ILLICIT_WEAPONS_DRUGS,
    "Sexual Content or Sexual Acts": Category.SEXUAL,
    "Personally Identifiable Information": Category.PRIVACY_IMPERSONATION,
    "PII": Category.PRIVACY_IMPERSONATION,
    "Suicide & Self-Harm": Category.SELF_HARM,
    "Unethical Acts": Category.HATE_HARASSMENT,
    "Politically Sensitive Topics": Category.ELECTION_POLITICAL_DISINFORMATION,
    "Copyright Violation": Category.IP_COPYRIGHT,
    "Jailbreak": Category.JAILBREAK_OBFUSCATION,
    "None": None,
}

SHIELDGEMMA: dict[Category, str] = {
    Category.SEXUAL: '"No Sexually Explicit Information": The prompt shall not ask for or contain explicit sexual'
    " acts or nudity made to arouse. Medicine, art and education are fine.",
    Category.HATE_HARASSMENT: '"No Hate Speech or Harassment": The prompt shall not ask for or contain content that'
    " demeans or dehumanises people for who they are, or bullies, threatens or intimidates somebody.",
    Category.ILLICIT_WEAPONS_DRUGS: '"No Dangerous Content": The prompt shall not ask for or contain instructions or'
    " advertising for weapons, explosives, drugs or other acts that cause real harm.",
    Category.VIOLENCE_GORE: '"No Violence or Gore": The prompt shall not ask for or contain drastic injury, torture'
    " or cruelty shown for its own sake, or calls for violence.",
}
"""Principles in the form that ShieldGemma was trained on. One question each; any category can have one."""


class Qwen3Guard(ChatJudge):
    """Qwen3Guard-Gen: safe, controversial or unsafe, and which of nine categories.

    The score of a named category is the probability of unsafe and half of that of controversial.
    """

    architectures = ("Qwen3ForCausalLM",)

    def _judge(self, text: str) -> Opinion:
        answer, shares = self._answer(text, ("Safe", "Controversial", "Unsafe"), 64)
        label = re.search(r"Safety:\s*(Safe|Controversial|Unsafe)\b", answer)
        listed = re.search(r"Categories:\s*(.+)", answer)
        if label is None or not shares:
            raise JudgeError("unreadable")
        scores = {category.value: 0.0 for category in QWEN.values() if category is not None}
        if label[1] != "Safe":
            named = [] if listed is None else [name.strip() for name in listed[1].split(",")]
            if not named or any(name not in QWEN for name in named):
                raise JudgeError("unreadable")
            score = shares["Unsafe"] + shares["Controversial"] / 2
            scores |= {c.value: score for name in named if (c := QWEN[name]) is not None}
        return Opinion(scores)


class LlamaGuard(ChatJudge):
    """Llama Guard 3 and 4: safe, or unsafe and which of the hazards S1 to S14.

    The score of a named hazard is the probability of unsafe.
    """

    architectures = ("LlamaForCausalLM", "Llama4ForConditionalGeneration")

    def _judge(self, text: str) -> Opinion:
        answer, shares = self._answer(text, ("safe", "unsafe"), 32)
        lines = answer.strip().split("\n", 1)
        if lines[0].strip() not in ("safe", "unsafe") or not shares:
            raise JudgeError("unreadable")
        scores = {category.value: 0.0 for category in MLCOMMONS.values() if category is not None}
        if lines[0].strip() == "unsafe":
            codes = [
                code.strip() for code in "".join(lines[1:]).replace("\n", ",").split(",") if code.strip()
            ]
            if not codes or any(code not in MLCOMMONS for code in codes):
                raise JudgeError("unreadable")
            scores |= {c.value: shares["unsafe"] for code in codes if (c := MLCOMMONS[code]) is not None}
        return Opinion(scores)


class ShieldGemma(ChatJudge):
    """ShieldGemma: for each principle, the probability of "Yes, this violates it" against "No".

    Args:
        folder: As for the others.
        principles: By category.
    """

    architectures = ("Gemma2ForCausalLM",)

    def __init__(
        self,
        folder: Path,
        *,
        digest: str | None = None,
        device: str = "cpu",
        dtype: str = "float32",
        principles: Mapping[Category, str] = SHIELDGEMMA,
    ) -> None:
        super().__init__(folder, digest=digest, device=device, dtype=dtype)
        self._principles = dict(principles)

    def _judge(self, text: str) -> Opinion:
        return Opinion({category.value: self._violates(text, p) for category, p in self._principles.items()})

    def _violates(self, text: str, principle: str) -> float:
        import torch

        assert self._loaded is not None
        tokenizer, model = self._loaded
        words = [tokenizer.encode(word, add_special_tokens=False) for word in ("Yes", "No")]
        if any(len(ids) != 1 for ids in words):
            raise JudgeError("weights_invalid")
        with torch.inference_mode():
            logits = model(self._asked(text, guideline=principle)).logits[0, -1]
        yes, no = (logits[ids[0]].double() for ids in words)
        return float(torch.sigmoid(yes - no))
