import base64
import unicodedata

import pytest

from policies.obfuscate import KINDS, obfuscate

TEXTS = ("a quiet harbour at dawn, boats and gulls", "ein stiller Hafen bei Nacht, Boote und Möwen")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", TEXTS)
def test_a_twin_differs_from_its_prompt_and_comes_out_the_same_again(kind: str, text: str) -> None:
    twin = obfuscate(text, kind)
    assert twin != text
    assert twin == obfuscate(text, kind)
    assert len({obfuscate(text, kind, seed) for seed in range(8)}) > 1


@pytest.mark.parametrize("text", TEXTS)
def test_the_words_can_be_read_back(text: str) -> None:
    hidden = obfuscate(text, "zero_width")
    assert "".join(c for c in hidden if unicodedata.category(c) != "Cf") == text
    assert unicodedata.normalize("NFKC", obfuscate(text, "mixed_scripts")).lower() == text.lower()
    *kept, code = obfuscate(text, "base64").split(" ")
    assert " ".join([*kept, base64.b64decode(code).decode()]) == text
    assert sorted(obfuscate(text, "reversed_words").lower()) == sorted(text.lower())
    spaced = obfuscate(text, "spacing")
    assert "".join(c for c in spaced if c.isalpha()) == "".join(c for c in text if c.isalpha())
