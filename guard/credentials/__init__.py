"""Content Credentials (C2PA): signing, reading, trust and keys."""

from __future__ import annotations

from guard.credentials.detector import CredentialsDetector, evidence_of
from guard.credentials.errors import CredentialsError
from guard.credentials.identity import Identity
from guard.credentials.keyring import (
    WARN_DAYS,
    KeyPaths,
    KeyStatus,
    create_development_ca,
    import_pem,
    initialise,
    load_identity,
    rotate,
    status,
)
from guard.credentials.manifest import (
    Ingredient,
    Kind,
    ManifestSpec,
    Model,
    SoftBinding,
    Software,
    training_mining,
)
from guard.credentials.proof import KeyProof
from guard.credentials.reading import read
from guard.credentials.report import CredentialsReport
from guard.credentials.requests import Algorithm, CertificateRequest, Subject, request_certificate
from guard.credentials.signing import Signed, sign
from guard.credentials.timestamps import TimeStamping
from guard.credentials.trust import AnchorList, Trust
from guard.credentials.trust_store import trust_of

__all__ = [
    "WARN_DAYS",
    "Algorithm",
    "AnchorList",
    "CertificateRequest",
    "CredentialsDetector",
    "CredentialsError",
    "CredentialsReport",
    "Identity",
    "Ingredient",
    "KeyPaths",
    "KeyProof",
    "KeyStatus",
    "Kind",
    "ManifestSpec",
    "Model",
    "Signed",
    "SoftBinding",
    "Software",
    "Subject",
    "TimeStamping",
    "Trust",
    "create_development_ca",
    "evidence_of",
    "import_pem",
    "initialise",
    "load_identity",
    "read",
    "request_certificate",
    "rotate",
    "sign",
    "status",
    "training_mining",
    "trust_of",
]
