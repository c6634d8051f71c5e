"""The categories every part of this room speaks of, in their fixed order.

A category is an identifier; what it means, where its thresholds lie and what the user is told is
written in the policy document.
"""

from enum import StrEnum


class Category(StrEnum):
    """What a prompt or a picture can be blocked for."""

    SEXUAL = "sexual"
    SEXUAL_MINORS = "sexual_minors"
    NONCONSENSUAL_INTIMATE = "nonconsensual_intimate"
    VIOLENCE_GORE = "violence_gore"
    HATE_HARASSMENT = "hate_harassment"
    SELF_HARM = "self_harm"
    ILLICIT_WEAPONS_DRUGS = "illicit_weapons_drugs"
    TERRORISM_EXTREMISM = "terrorism_extremism"
    PUBLIC_FIGURE_DEEPFAKE = "public_figure_deepfake"
    ELECTION_POLITICAL_DISINFORMATION = "election_political_disinformation"
    IP_COPYRIGHT = "ip_copyright"
    PRIVACY_IMPERSONATION = "privacy_impersonation"
    FRAUD_SCAM = "fraud_scam"
    JAILBREAK_OBFUSCATION = "jailbreak_obfuscation"


CATEGORIES: tuple[str, ...] = tuple(category.value for category in Category)

FLOOR: frozenset[str] = frozenset(
    {Category.SEXUAL_MINORS, Category.NONCONSENSUAL_INTIMATE, Category.TERRORISM_EXTREMISM}
)
"""Categories that no document may switch off or relax."""

SEALED: frozenset[str] = frozenset({Category.SEXUAL_MINORS})
"""Categories whose material is sealed: never previewed, in no general queue, kept for reports to authorities."""
