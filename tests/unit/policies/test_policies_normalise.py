import gc
import time
import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import PromptError
from policies.normalise import flatten, normalise, read_prompt, words_of
from policies.obfuscate import KINDS, obfuscate
from policies.prompts import Prompt, read_prompts


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Nаkеd wоman", "naked woman"),  # Cyrillic
        ("n4k3d w0m4n", "naked woman"),
        ("s e x", "sex"),
        ("s.e.x scene", "sex scene"),
        ("s-3-x", "sex"),
        ("n a k e d  w o m a n", "naked  woman"),
        ("n\u200ba\u200dk\u2060e\u00add", "naked"),
        ("\u202enaked\u202c", "naked"),
        ("n̶a̷k̴e̵d̸", "naked"),
        ("ｎａｋｅｄ 𝓼𝓮𝔁 ⓢⓔⓧ", "naked sex sex"),
        ("🇸🇪🇽", "sex"),
        ("fuuuuck", "fuck"),
        ("k1ll k!ll ki11er$", "kill kill killers"),
        ("νακεd", "vaked"),
        ("ѕех", "sex"),  # Cyrillic alone, in a text that is not
        ("a nekaw namow", "a waken woman . woman waken a"),
        ("bmFrZWQgd29tYW4=", "naked woman"),
        ("show c2V4IHNjZW5l now", "show sex scene now"),
        ("n a k e d w o m a n", "naked woman"),
        ("a g\u200bu🌶n", "a gun"),
        ("a man with a 🔪", "a man with a  knife "),
        ("🅱omb", "bomb"),
        ("p1zza and pi22a", "pizza and pizza"),
    ],
)
def test_tricks_are_undone(written: str, meant: str) -> None:
    assert normalise(written).text == meant


@pytest.mark.parametrize(
    "plain", ["mp4 4k 3d", "1st 2nd 7th", "1920s", "h2o", "xxx", "1 2 3 4", "wow!!!", "c++"]
)
def test_ordinary_numbers_and_signs_stay(plain: str) -> None:
    assert normalise(plain).text == plain


@pytest.mark.parametrize(
    "plain",
    [
        "дом и рост",
        "ein mp4 in 4k, 1st take",
        "straw, desserts and a live show",
        "the princess of wales",
        "internationalization",
    ],
)
def test_what_hides_nothing_stays(plain: str) -> None:
    assert normalise(plain).text == plain


def test_a_reversed_text_is_read_in_both_orders() -> None:
    assert normalise("namow dekan gnicnad").text == "woman naked dancing . dancing naked woman"


def test_words_that_no_list_has_are_turned_beside_others_that_were_reversed() -> None:
    text = normalise("enie ettekonimoD tzrüts hcrud eid kehtoilbiB").text
    assert text.startswith("eine dominokette stuerzt durch die bibliothek")
    assert normalise("eine ettekonimoD in der Bibliothek").text == "eine ettekonimod in der bibliothek"


def test_models_read_the_text_as_written_unless_something_was_hidden() -> None:
    assert normalise("Ein Mädchen in Köln, 2026.").readable == "Ein Mädchen in Köln, 2026."
    assert normalise("Ein M4dchen").readable != "Ein M4dchen"
    assert normalise("EIN MÄDCHEN IN KÖLN").readable == "ein mädchen in köln"


@given(st.text(max_size=120))
def test_flatten_is_what_normalise_ends_with(text: str) -> None:
    result = normalise(text)
    assert flatten(result.readable) == result.text or result.readable == text


_TRICKS = st.sampled_from(sorted(KINDS))


@given(st.sampled_from(read_prompts("train")), _TRICKS, st.integers(0, 9))
def test_spans_of_obfuscated_prompts_cover_what_was_hidden(prompt: Prompt, kind: str, seed: int) -> None:
    hidden = obfuscate(prompt.text, kind, seed)
    result = normalise(hidden)
    ordered = sorted(result.starts)
    assert list(result.starts) == ordered
    assert all(0 <= a < b <= len(hidden) for a, b in zip(result.starts, result.ends, strict=True))
    for word in result.words:
        assert hidden[word.start : word.end].strip()
        assert 0 <= word.start < word.end <= len(hidden)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_most_words_come_back(kind: str) -> None:
    prompts = read_prompts("train")[::9]
    back = total = 0
    for prompt in prompts:
        plain = Counter(word.text for word in normalise(prompt.text).words)
        found = Counter(word.text for word in normalise(obfuscate(prompt.text, kind)).words)
        back, total = back + (plain & found).total(), total + plain.total()
    assert back / total > 0.8, (kind, back / total)


def test_german_spellings_meet() -> None:
    spellings = ["Mädchen", "Ma\u0308dchen", "MÄDCHEN", "Maedchen", "mädchen"]
    assert {normalise(s).text for s in spellings} == {"maedchen"}
    assert normalise("Straße ÖL üben").text == "strasse oel ueben"


def test_spans_point_into_the_original() -> None:
    text = "Ein Vídeo mit n\u200ba\u200bckt, M\u0308üller und s.e.x."
    found = {word.text: text[word.start : word.end] for word in normalise(text).words}
    assert found["nackt"] == "n\u200ba\u200bckt"
    assert found["video"] == "Vídeo"
    assert found["sex"] == "s.e.x"


@given(st.text(max_size=200))
def test_every_character_has_a_valid_span(text: str) -> None:
    result = normalise(text)
    assert len(result.text) == len(result.starts) == len(result.ends)
    for start, end in zip(result.starts, result.ends, strict=True):
        assert 0 <= start < end <= len(text)
    assert list(result.starts) == sorted(result.starts)


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=200))
def test_result_is_lower_case_ascii_for_ascii(text: str) -> None:
    result = normalise(text).text
    assert result.isascii()
    assert result == result.lower()


@pytest.mark.parametrize("text", ["", "   ", "\u200b" * 500, "\u200b\u202e\u2066\ufeff", "...!!!", "\n\t"])
def test_nothing_visible_is_empty(text: str) -> None:
    with pytest.raises(PromptError) as caught:
        read_prompt(text)
    assert caught.value.code == "prompt_empty"


def test_length_is_counted_in_code_points() -> None:
    assert read_prompt("a " * 16_000).text
    with pytest.raises(PromptError) as caught:
        read_prompt("ä" * 32_001)
    assert caught.value.code == "prompt_too_long"


@pytest.mark.parametrize("text", ["a cat\x00", "a cat \ud83d"])
def test_broken_unicode_is_unreadable(text: str) -> None:
    with pytest.raises(PromptError) as caught:
        read_prompt(text)
    assert caught.value.code == "prompt_unreadable"
    assert "cat" not in str(caught.value)


HOSTILE = {
    "letters": "a",
    "spaced": "a b ",
    "marks": "a\u0301\u0316",
    "leet": "a1",
    "signs": "$!",
    "separators": "a.b-",
    "stretched": "aaab",
    "expanding": "\ufdfa",
    "hidden": "\u200ba",
    "base64": "YWJj",
    "reversed": "namow ",
    "pictographs": "🔪",
    "scripts": "аb ",
}


def test_time_is_linear_in_length() -> None:
    for name, unit in HOSTILE.items():
        times = []
        for length in (4_000, 16_000):
            text = (unit * length)[:length]
            times.append(_seconds(text))
        # Four times the text: about four times as long; quadratic work would be sixteen times.
        assert times[1] < 10 * times[0] + 0.05, (name, times)
        # Seconds; measuring coverage slows every line several times.
        assert times[1] < 4.0, (name, times)


def _seconds(text: str) -> float:
    gc.disable()  # what other tests left behind is not to be swept now
    try:
        started = time.process_time()
        normalise(text)
        return time.process_time() - started
    finally:
        gc.enable()


def test_one_letter_with_thousands_of_marks() -> None:
    text = "a" + "\u0301\u0316" * 15_000
    assert unicodedata.combining("\u0301") != unicodedata.combining("\u0316")  # would be reordered
    assert _seconds(text) < 1.0


def test_phrases_keep_their_wildcards() -> None:
    assert words_of("Terror* *bombe Straßen-Fest*") == ("terror*", "*bombe", "strassen", "fest*")
