"""Pictographs that carry the meaning of a prompt, as words. Faces, hearts and weather carry none and stay."""

_TOGETHER = {
    "🍆💦": "sex",
    "🍆🍑": "sex",
    "🍑🍆": "sex",
    "👉👌": "sex",
    "👌👈": "sex",
}

_ALONE = {
    "gun": "🔫",
    "bomb": "💣",
    "explosion": "💥🧨",
    "knife": "🔪🗡",
    "axe": "🪓",
    "swords": "⚔",
    "blood": "🩸",
    "skull": "💀",
    "coffin": "⚰",
    "dead": "☠",
    "pills": "💊",
    "syringe": "💉",
    "cigarette": "🚬",
    "eggplant": "🍆",
    "buttocks": "🍑",
    "kiss": "💋",
    "bikini": "👙",
    "lingerie": "🩱",
    "adult only": "🔞",
    "child": "🧒",
    "boy": "👦",
    "girl": "👧",
    "baby": "👶🍼",
    "man": "👨",
    "woman": "👩",
    "police": "👮",
    "ballot": "🗳",
    "money": "💰💵💶🤑",
    "monkey": "🐒🐵🙈",
    "pig": "🐷🐖",
    "rat": "🐀",
    "cockroach": "🪳",
    "rope": "🪢",
    "middle finger": "🖕",
    "fire": "🔥",
}

EMOJI: dict[str, str] = {
    **_TOGETHER,
    **{sign: word for word, signs in _ALONE.items() for sign in signs},
}
"""Pictographs (without variation selectors) and their words; longer ones first.

Leaves and snow are left alone: they mean leaves and snow far more often than what is sold under them.
"""
