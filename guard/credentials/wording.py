"""One sentence for each thing that credentials may show, in English and German."""

from __future__ import annotations

from typing import Literal

Sentence = Literal[
    "absent",
    "unsupported",
    "remote",
    "malformed",
    "unreliable",
    "tampered",
    "ingredient_tampered",
    "not_fully_protected",
    "declares_ai",
    "declares_ai_edit",
    "declares_capture",
    "declares_other",
    "identity_not_examined",
    "development",
]

SENTENCES: dict[Sentence, dict[str, str]] = {
    "absent": {
        "en": "The file carries no Content Credentials; that says nothing about where it comes from.",
        "de": "Die Datei trägt keine Content Credentials; das sagt nichts darüber, woher sie stammt.",
    },
    "unsupported": {
        "en": "Content Credentials cannot be read in a file of this format.",
        "de": "In einer Datei dieses Formats lassen sich keine Content Credentials lesen.",
    },
    "remote": {
        "en": "The file only points to Content Credentials elsewhere, which are not fetched.",
        "de": "Die Datei verweist nur auf Content Credentials an anderer Stelle, die nicht abgerufen werden.",
    },
    "malformed": {
        "en": "The file, or what looks like its Content Credentials, cannot be read.",
        "de": "Die Datei oder das, was ihre Content Credentials sein könnten, lässt sich nicht lesen.",
    },
    "unreliable": {
        "en": "Certificate, time stamp, identity or form of the Content Credentials is not valid.",
        "de": "Zertifikat, Zeitstempel, Identität oder Form der Content Credentials ist nicht gültig.",
    },
    "tampered": {
        "en": "The file or its Content Credentials were changed after signing.",
        "de": "Die Datei oder ihre Content Credentials wurden nach dem Signieren verändert.",
    },
    "ingredient_tampered": {
        "en": "Something that this file was made from had Content Credentials that do not hold.",
        "de": "Etwas, woraus diese Datei entstand, hatte Content Credentials, die nicht stimmen.",
    },
    "not_fully_protected": {
        "en": "The signature does not cover all of the media: what plays may not be what was signed.",
        "de": "Die Signatur deckt nicht alle Medien ab; gezeigt wird womöglich anderes als signiert.",
    },
    "declares_ai": {
        "en": "Intact Content Credentials declare that the file was made by a trained model.",
        "de": "Unversehrte Content Credentials geben an, dass ein trainiertes Modell die Datei erzeugte.",
    },
    "declares_ai_edit": {
        "en": "Intact Content Credentials declare that a trained model made parts of the file.",
        "de": "Unversehrte Content Credentials geben an, dass ein trainiertes Modell an der Datei mitwirkte.",
    },
    "declares_capture": {
        "en": "Intact Content Credentials declare that the file was recorded by a device.",
        "de": "Unversehrte Content Credentials geben an, dass ein Gerät die Datei aufgezeichnet hat.",
    },
    "declares_other": {
        "en": "Intact Content Credentials declare neither a trained model nor a recording.",
        "de": "Unversehrte Content Credentials geben weder ein trainiertes Modell noch eine Aufnahme an.",
    },
    "identity_not_examined": {
        "en": "Whom they name as the actor was not examined, since that would need the network.",
        "de": "Wen sie als Urheber nennen, wurde nicht geprüft, da dies das Netz erfordern würde.",
    },
    "development": {
        "en": "The signer's certificate is for development only; no public trust list knows it.",
        "de": "Das Zertifikat des Ausstellers dient nur der Entwicklung; keine öffentliche Vertrauensliste kennt es.",
    },
}
