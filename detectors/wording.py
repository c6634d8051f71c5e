"""The sentences that go with a verdict, in English and German.

Every verdict has one summary and the limits that a reader must know; notes say what else the evidence shows.
No sentence calls a file real: signals can show where a file comes from, their absence shows nothing.
"""

from __future__ import annotations

from enum import StrEnum

from detectors.evidence import EvidenceType

Text = dict[str, str]


class VerdictName(StrEnum):
    """The one list of verdicts."""

    GENERATED_HERE = "generated_here"
    REGISTRY_MATCH = "registry_match"
    DECLARED_AI_BY_ISSUER = "declared_ai_by_issuer"
    DECLARED_AI_UNSIGNED = "declared_ai_unsigned"
    KNOWN_AI_WATERMARK = "known_ai_watermark"
    LIKELY_GENERATED = "likely_generated"
    LIKELY_EDITED_REGION = "likely_edited_region"
    AUTHENTIC_CAPTURE_CREDENTIALS_VALID = "authentic_capture_credentials_valid"
    CREDENTIALS_INVALID_OR_TAMPERED = "credentials_invalid_or_tampered"
    COPIED_OR_HEAVILY_EDITED = "copied_or_heavily_edited"
    CONFLICT = "conflict"
    INCONCLUSIVE = "inconclusive"


class Limit(StrEnum):
    """What a verdict does not show."""

    ABSENCE = "absence"
    SOUND = "sound"
    MARK = "mark"
    FINGERPRINT = "fingerprint"
    REVOKED = "revoked"
    CREDENTIALS = "credentials"
    CAPTURE = "capture"
    DECLARATION = "declaration"
    PAYLOAD = "payload"
    SCORE = "score"


class Note(StrEnum):
    """What else the evidence shows beside the verdict."""

    REVOKED = "revoked"
    ONE_REVOKED = "one_revoked"
    ANOTHER_REVOKED = "another_revoked"
    PART_OF_FILE = "part_of_file"
    EDITED_WITH_AI = "edited_with_ai"
    TAMPERED = "tampered"
    INGREDIENT_TAMPERED = "ingredient_tampered"
    NOT_FULLY_PROTECTED = "not_fully_protected"
    MARK_COPIED = "mark_copied"
    MARK_REVOKED = "mark_revoked"
    MARK_UNRESOLVED = "mark_unresolved"
    MARK_UNREADABLE = "mark_unreadable"
    UNKNOWN_SIGNER = "unknown_signer"
    MENTIONS_GENERATOR = "mentions_generator"


SUMMARIES: dict[VerdictName, Text] = {
    VerdictName.GENERATED_HERE: {
        "en": "What this file shows was generated and released by this service.",
        "de": "Der Inhalt dieser Datei wurde von diesem Dienst erzeugt und freigegeben.",
    },
    VerdictName.REGISTRY_MATCH: {
        "en": "Pictures of this file match a video released by this service; our watermark does not confirm "
        "that the whole file comes from it.",
        "de": "Bilder dieser Datei stimmen mit einem hier freigegebenen Video überein; unser Wasserzeichen "
        "bestätigt nicht, dass die ganze Datei daraus stammt.",
    },
    VerdictName.DECLARED_AI_BY_ISSUER: {
        "en": "Signed credentials of a trusted issuer say that this file was made, wholly or in part, with "
        "AI.",
        "de": "Laut den signierten Herkunftsangaben eines vertrauenswürdigen Ausstellers ist diese Datei "
        "ganz oder teilweise mit KI entstanden.",
    },
    VerdictName.DECLARED_AI_UNSIGNED: {
        "en": "The file itself says that it was made, wholly or in part, with AI; no trusted issuer vouches "
        "for this.",
        "de": "Die Datei weist sich selbst als ganz oder teilweise mit KI erstellt aus; kein "
        "vertrauenswürdiger Aussteller bürgt dafür.",
    },
    VerdictName.KNOWN_AI_WATERMARK: {
        "en": "The pictures carry a watermark that known AI generators embed.",
        "de": "Die Bilder tragen ein Wasserzeichen, das bekannte KI-Generatoren einbetten.",
    },
    VerdictName.LIKELY_GENERATED: {
        "en": "A calibrated detector finds the pictures likely to be AI-generated.",
        "de": "Ein kalibriertes Erkennungsverfahren hält die Bilder für wahrscheinlich KI-erzeugt.",
    },
    VerdictName.LIKELY_EDITED_REGION: {
        "en": "A calibrated detector finds a region that was likely altered.",
        "de": "Ein kalibriertes Erkennungsverfahren findet einen Bereich, der wahrscheinlich verändert "
        "wurde.",
    },
    VerdictName.AUTHENTIC_CAPTURE_CREDENTIALS_VALID: {
        "en": "Valid credentials of a trusted issuer say that a recording device captured this file.",
        "de": "Gültige Herkunftsangaben eines vertrauenswürdigen Ausstellers besagen, dass ein Aufnahmegerät"
        " diese Datei aufgezeichnet hat.",
    },
    VerdictName.CREDENTIALS_INVALID_OR_TAMPERED: {
        "en": "The file's credentials do not hold: something was changed after signing, or a part of the "
        "file is not covered.",
        "de": "Die Herkunftsangaben der Datei halten der Prüfung nicht stand: Etwas wurde nach dem Signieren"
        " verändert, oder ein Teil der Datei ist nicht abgedeckt.",
    },
    VerdictName.COPIED_OR_HEAVILY_EDITED: {
        "en": "The pictures carry our watermark, but no release can be confirmed: the watermark was copied, "
        "or the pictures were heavily edited.",
        "de": "Die Bilder tragen unser Wasserzeichen, doch keine Freigabe lässt sich bestätigen: Das "
        "Wasserzeichen wurde kopiert, oder die Bilder wurden stark bearbeitet.",
    },
    VerdictName.CONFLICT: {
        "en": "Strong signals contradict each other; no single statement about the origin holds.",
        "de": "Starke Hinweise widersprechen einander; eine eindeutige Aussage zur Herkunft ist nicht "
        "möglich.",
    },
    VerdictName.INCONCLUSIVE: {
        "en": "Nothing was found that settles where this file comes from.",
        "de": "Es wurde nichts gefunden, was die Herkunft dieser Datei klärt.",
    },
}

LIMITS: dict[Limit, Text] = {
    Limit.ABSENCE: {
        "en": "Not finding a signal does not show that the file is real.",
        "de": "Dass kein Hinweis gefunden wurde, zeigt nicht, dass die Datei echt ist.",
    },
    Limit.SOUND: {
        "en": "Sound carries no watermark and is not compared: apart from a match of the exact file and "
        "valid credentials, nothing here speaks about it.",
        "de": "Der Ton trägt kein Wasserzeichen und wird nicht verglichen: Abgesehen von einer "
        "Übereinstimmung der exakten Datei und von gültigen Herkunftsangaben sagt dieses Ergebnis "
        "nichts über ihn aus.",
    },
    Limit.MARK: {
        "en": "A watermark can be copied onto other pictures or damaged by editing, and only this service "
        "can read it.",
        "de": "Ein Wasserzeichen lässt sich auf andere Bilder übertragen oder durch Bearbeitung beschädigen,"
        " und nur dieser Dienst kann es lesen.",
    },
    Limit.FINGERPRINT: {
        "en": "The fingerprint compares sampled pictures: small changes within a picture, short insertions "
        "and strong crops escape it.",
        "de": "Der Fingerabdruck vergleicht Stichproben der Bilder: Kleine Änderungen im Bild, kurze "
        "Einschübe und starke Zuschnitte entgehen ihm.",
    },
    Limit.REVOKED: {
        "en": "Copies of a revoked release that are already out can only be flagged, not called back.",
        "de": "Bereits verbreitete Kopien einer widerrufenen Freigabe lassen sich nur kennzeichnen, nicht "
        "zurückholen.",
    },
    Limit.CREDENTIALS: {
        "en": "Credentials show who made a statement about the file, not that the statement is true.",
        "de": "Herkunftsangaben zeigen, wer etwas über die Datei ausgesagt hat, nicht, dass die Aussage "
        "stimmt.",
    },
    Limit.CAPTURE: {
        "en": "A camera can also film a screen or a staged scene.",
        "de": "Eine Kamera kann auch einen Bildschirm oder eine gestellte Szene filmen.",
    },
    Limit.DECLARATION: {
        "en": "Unsigned information can be added to or removed from any file.",
        "de": "Unsignierte Angaben lassen sich jeder Datei hinzufügen und aus jeder Datei entfernen.",
    },
    Limit.PAYLOAD: {
        "en": "Such watermarks are publicly known: anyone can embed them, and compression or resizing "
        "removes them.",
        "de": "Solche Wasserzeichen sind öffentlich bekannt: Sie lassen sich in beliebige Bilder einbetten, "
        "und Kompression oder Skalierung entfernt sie.",
    },
    Limit.SCORE: {
        "en": "A score is a measure of probability and can be wrong; it is no proof.",
        "de": "Ein Punktwert drückt eine Wahrscheinlichkeit aus und kann falsch sein; er ist kein Beweis.",
    },
}

NOTES: dict[Note, Text] = {
    Note.REVOKED: {
        "en": "The release has been revoked.",
        "de": "Die Freigabe wurde widerrufen.",
    },
    Note.ONE_REVOKED: {
        "en": "Several releases have these pictures, and at least one of them has been revoked; the list of releases "
        "says which.",
        "de": "Mehrere Freigaben haben diese Bilder, und mindestens eine davon wurde widerrufen; die Liste der "
        "Freigaben sagt, welche.",
    },
    Note.ANOTHER_REVOKED: {
        "en": "Another release with like pictures has been revoked; the list of releases says which. The release that "
        "this file belongs to has not been revoked.",
        "de": "Eine andere Freigabe mit ähnlichen Bildern wurde widerrufen; die Liste der Freigaben sagt, welche. "
        "Die Freigabe, zu der diese Datei gehört, ist nicht widerrufen.",
    },
    Note.PART_OF_FILE: {
        "en": "Only some of the pictures that were examined could be matched to the release; the others are from "
        "elsewhere, or changed too much.",
        "de": "Nur ein Teil der untersuchten Bilder ließ sich der Freigabe zuordnen; die übrigen stammen von anderswo "
        "oder sind zu stark verändert.",
    },
    Note.EDITED_WITH_AI: {
        "en": "AI is declared for a part of the content, for example for an edit.",
        "de": "KI ist nur für einen Teil des Inhalts angegeben, zum Beispiel für eine Bearbeitung.",
    },
    Note.TAMPERED: {
        "en": "The file carries credentials that do not match it.",
        "de": "Die Datei trägt Herkunftsangaben, die nicht zu ihr passen.",
    },
    Note.INGREDIENT_TAMPERED: {
        "en": "The credentials of a source that this file was made from do not hold.",
        "de": "Die Herkunftsangaben einer Quelle, aus der diese Datei entstand, halten der Prüfung nicht "
        "stand.",
    },
    Note.NOT_FULLY_PROTECTED: {
        "en": "The credentials do not cover everything that a player shows.",
        "de": "Die Herkunftsangaben decken nicht alles ab, was ein Abspielprogramm zeigt.",
    },
    Note.MARK_COPIED: {
        "en": "Our watermark names a release that the pictures could not be matched to: copied, or heavily edited.",
        "de": "Unser Wasserzeichen nennt eine Freigabe, der sich die Bilder nicht zuordnen ließen: kopiert oder "
        "stark bearbeitet.",
    },
    Note.MARK_REVOKED: {
        "en": "The watermark names a release that has been revoked. If these are its pictures, cropped or heavily "
        "edited, the file is a copy of it; if the watermark was copied onto other pictures, the revocation says "
        "nothing about them.",
        "de": "Das Wasserzeichen nennt eine Freigabe, die widerrufen wurde. Sind dies ihre Bilder, zugeschnitten oder "
        "stark bearbeitet, ist die Datei eine Kopie davon; wurde das Wasserzeichen auf andere Bilder übertragen, "
        "sagt der Widerruf über diese nichts.",
    },
    Note.MARK_UNRESOLVED: {
        "en": "Our watermark holds a valid payload that belongs to no known release.",
        "de": "Unser Wasserzeichen enthält eine gültige Kennung, die zu keiner bekannten Freigabe gehört.",
    },
    Note.MARK_UNREADABLE: {
        "en": "Our watermark is present, but too damaged to be read.",
        "de": "Unser Wasserzeichen ist vorhanden, aber zu beschädigt, um es zu lesen.",
    },
    Note.UNKNOWN_SIGNER: {
        "en": "The credentials are intact, but their signer is on no trust list in use here.",
        "de": "Die Herkunftsangaben sind unversehrt, doch wer sie signiert hat, steht auf keiner der hier "
        "verwendeten Vertrauenslisten.",
    },
    Note.MENTIONS_GENERATOR: {
        "en": "The metadata mention an AI tool without saying what it did.",
        "de": "Die Metadaten erwähnen ein KI-Werkzeug, ohne zu sagen, was es getan hat.",
    },
}

CHECKS: dict[EvidenceType, Text] = {
    EvidenceType.REGISTRY: {"en": "registry of releases", "de": "Register der Freigaben"},
    EvidenceType.C2PA: {"en": "credentials (C2PA)", "de": "Herkunftsangaben (C2PA)"},
    EvidenceType.WATERMARK: {"en": "our watermark", "de": "unser Wasserzeichen"},
    EvidenceType.FINGERPRINT: {"en": "fingerprint", "de": "Fingerabdruck"},
    EvidenceType.KNOWN_WATERMARK: {"en": "known watermarks", "de": "bekannte Wasserzeichen"},
    EvidenceType.METADATA: {"en": "metadata", "de": "Metadaten"},
    EvidenceType.LEARNED: {"en": "learned detectors", "de": "gelernte Erkennungsverfahren"},
}

NOT_EXAMINED: Text = {
    "en": "These checks could not be carried out and say nothing either way: {checks}.",
    "de": "Diese Prüfungen ließen sich nicht durchführen und sagen in keiner Richtung etwas aus: {checks}.",
}
