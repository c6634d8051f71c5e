"""Stronger judges of texts, for those who have them: services with a moderation endpoint, and guard models."""

from policies.judges.chat import ChatJudge
from policies.judges.endpoint import ModerationEndpoint, Post
from policies.judges.families import LlamaGuard, Qwen3Guard, ShieldGemma
from policies.judges.opinion import JudgeError, Opinion, TextJudge
from policies.judges.panel import Member, Panel

__all__ = [
    "ChatJudge",
    "JudgeError",
    "LlamaGuard",
    "Member",
    "ModerationEndpoint",
    "Opinion",
    "Panel",
    "Post",
    "Qwen3Guard",
    "ShieldGemma",
    "TextJudge",
]
