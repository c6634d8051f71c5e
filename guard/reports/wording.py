"""Words of reports in English and German."""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "de"]

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "Report on generated video",
        "period": "Period",
        "until": "up to, not including",
        "made": "Made",
        "scope": "Scope",
        "all_tenants": "all tenants",
        "activity": "What happened",
        "figure": "Figure",
        "number": "Number",
        "how": "Counted from",
        "requested": "Requested and not blocked at once",
        "generated": "Generated",
        "blocked": "Blocked by the policy",
        "blocked_categories": "Categories of the blocks",
        "reviewed": "Reviewed by a person",
        "released": "Released",
        "revoked": "Revoked",
        "failed": "Failed",
        "verified": "Verified files",
        "events": "Policies and keys that came into force",
        "no_events": "None in this period.",
        "policy": "Policy",
        "key_manifest_activated": "Signing key in use",
        "key_mark_activated": "Watermark key in use",
        "foundation": "What this report rests on",
        "foundation_text": "The figures were counted from the database at the moment of the checkpoint below. Every"
        " decision, review, release and revocation is a leaf of this log. Before the report was written, the log was"
        " replayed in full and compared with the rows.",
        "checks": "Checked",
        "problems": "Problems found",
        "no_problems": "none",
        "log": "Log",
        "leaves": "Leaves",
        "root": "Root",
        "key": "Public key",
        "checkpoint": "Signed checkpoint",
        "check_it": "To check it: guard audit verify, or export the log with guard audit export and verify the copy"
        " with the public key alone.",
        "limits": "Limits",
        "limit_sound": "Sound is inside the signature, but it carries no watermark.",
        "limit_copies": "Copies that left before a revocation can only be recognised, not called back.",
        "limit_operator": "Whoever holds the log's key and the database could show two histories to two readers. Keep"
        " checkpoints outside: a kept checkpoint shows any later change.",
        "limit_law": "This report lists facts. It does not say whether a law is complied with.",
        "page": "Page",
    },
    "de": {
        "title": "Bericht über generierte Videos",
        "period": "Zeitraum",
        "until": "bis ausschließlich",
        "made": "Erstellt",
        "scope": "Umfang",
        "all_tenants": "alle Mandanten",
        "activity": "Was geschah",
        "figure": "Angabe",
        "number": "Anzahl",
        "how": "Gezählt aus",
        "requested": "Angefragt und nicht sofort abgelehnt",
        "generated": "Generiert",
        "blocked": "Von der Richtlinie abgelehnt",
        "blocked_categories": "Kategorien der Ablehnungen",
        "reviewed": "Von einer Person geprüft",
        "released": "Veröffentlicht",
        "revoked": "Widerrufen",
        "failed": "Fehlgeschlagen",
        "verified": "Überprüfte Dateien",
        "events": "In Kraft getretene Richtlinien und Schlüssel",
        "no_events": "Keine in diesem Zeitraum.",
        "policy": "Richtlinie",
        "key_manifest_activated": "Signaturschlüssel in Gebrauch",
        "key_mark_activated": "Wasserzeichenschlüssel in Gebrauch",
        "foundation": "Worauf dieser Bericht beruht",
        "foundation_text": "Die Angaben wurden zum Zeitpunkt des unten stehenden Checkpoints aus der Datenbank gezählt."
        " Jede Entscheidung, Prüfung und Veröffentlichung, jeder Widerruf ist ein Blatt dieses Logs. Vor dem Schreiben"
        " wurde das Log vollständig nachgerechnet und mit den Datensätzen verglichen.",
        "checks": "Geprüft",
        "problems": "Gefundene Probleme",
        "no_problems": "keine",
        "log": "Log",
        "leaves": "Blätter",
        "root": "Wurzel",
        "key": "Öffentlicher Schlüssel",
        "checkpoint": "Signierter Checkpoint",
        "check_it": "Zum Nachprüfen: guard audit verify, oder das Log mit guard audit export mitnehmen und die Kopie"
        " allein mit dem öffentlichen Schlüssel prüfen.",
        "limits": "Grenzen",
        "limit_sound": "Der Ton ist von der Signatur erfasst, trägt aber kein Wasserzeichen.",
        "limit_copies": "Kopien, die vor einem Widerruf das Haus verließen, lassen sich erkennen, nicht zurückholen.",
        "limit_operator": "Wer den Schlüssel des Logs und die Datenbank besitzt, könnte zwei Lesern zwei Geschichten"
        " zeigen. Checkpoints gehören deshalb außer Haus: Ein aufbewahrter Checkpoint zeigt jede spätere Änderung.",
        "limit_law": "Dieser Bericht nennt Tatsachen. Ob ein Gesetz eingehalten ist, sagt er nicht.",
        "page": "Seite",
    },
}

LIMITS = ("limit_sound", "limit_copies", "limit_operator", "limit_law")
"""Keys of the limits, in order."""
