"""What is allowed: policy documents, and the judge that applies them to prompts and pictures.

This room imports nothing of the others. ``Judge.default()`` is the embedded policy, classifier and
picture scorer; heavy libraries are imported when a picture is first judged.
"""

from policies.cases import CaseResult, run_cases
from policies.categories import taxonomy
from policies.classifier import NgramClassifier, TextClassifier
from policies.decision import SEVERITIES, Action, Decision, Evidence, RuleMatch, Span
from policies.difference import Change, differences
from policies.document import Policy
from policies.errors import PolicyError, PromptError
from policies.examiner import Examiner
from policies.frames import FrameScorer, OpenNsfwScorer
from policies.judge import Judge
from policies.loading import load_policy
from policies.openai_map import OPENAI_CATEGORIES, ModerationResult, openai_map
from policies.openclip import OpenClipScorer
from policies.signals import Audience, Context, Medium, NameFinder, NameHit, Region
from policies.taxonomy import CATEGORIES, FLOOR, SEALED, Category

__all__ = [
    "CATEGORIES",
    "FLOOR",
    "OPENAI_CATEGORIES",
    "SEALED",
    "SEVERITIES",
    "Action",
    "Audience",
    "CaseResult",
    "Category",
    "Change",
    "Context",
    "Decision",
    "Evidence",
    "Examiner",
    "FrameScorer",
    "Judge",
    "Medium",
    "ModerationResult",
    "NameFinder",
    "NameHit",
    "NgramClassifier",
    "OpenClipScorer",
    "OpenNsfwScorer",
    "Policy",
    "PolicyError",
    "PromptError",
    "Region",
    "RuleMatch",
    "Span",
    "TextClassifier",
    "differences",
    "load_policy",
    "openai_map",
    "run_cases",
    "taxonomy",
]
