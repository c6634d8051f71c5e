"""In which language a text is written, as far as its small words say so: English, German, or undetermined."""

from policies.normalise import Normalised

# Words of closed classes, frequent in one language and absent from the other. "in", "was", "war", "an", "am",
# "so", "die" (to die), "hat", "will" and "man" stand in both, so they say nothing.
_GERMAN = """
der das den dem des ein eine einen einem einer eines und oder aber nicht auch ist sind wird werden
wurde wie zu zum zur im ins auf aus bei beim mit nach von vom vor ueber unter durch fuer gegen ohne
um als wenn dass weil ich du er sie es wir ihr sich sein seine ihre mein meine dieser diese dieses
kein keine haben kann soll sehr noch nur schon dann zwei drei waehrend zwischen hinter neben
"""
_ENGLISH = """
the a and or but not is are of to on at by for with from into over under through about as if that
this these those it its he she they we you i his her their my your our be been being has have had do
does who which while between behind beside very only then two three where when there how no
"""
_SMALL_WORDS = {"de": frozenset(_GERMAN.split()), "en": frozenset(_ENGLISH.split())}
_LEAD = 1.5  # so much more evidence than for the other language


def language_of(text: Normalised) -> str:
    """``en``, ``de``, or ``und`` where neither has the lead. Judges at most the first 400 words."""
    words = [word.text for word in text.words[:400]]
    counts = {name: sum(word in small for word in words) for name, small in _SMALL_WORDS.items()}
    best = max(counts, key=lambda name: counts[name])
    other = min(counts.values())
    return best if counts[best] > _LEAD * other and counts[best] > 0 else "und"
