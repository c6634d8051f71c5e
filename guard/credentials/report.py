"""What reading a file's Content Credentials gives: plain, immutable, JSON both ways.

Everything here that came out of the file is somebody's claim. Texts are cut and freed of control characters;
which claims hold is what `state`, `failures` and the trees' own states say.
"""

from __future__ import annotations

import base64
import binascii
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from guard.credentials.identity import DEVELOPMENT_ORGANISATION

State = Literal["trusted", "valid", "invalid", "absent", "remote", "malformed", "not_fully_protected"]
"""
`trusted`: the signature and all hashes hold and the signer is on one of our lists. `valid`: the same, but
nobody we know vouches for the signer. `not_fully_protected`: the same, but the hashes leave out media that
players show, or we cannot tell. `invalid`: the signature or a hash fails. `malformed`: there is something
that cannot be read. `remote`: the manifest is elsewhere, and we do not fetch. `absent`: there is none.
"""

IngredientState = Literal["trusted", "valid", "invalid", "absent", "unknown"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClaimedAction(_Model):
    """One action of a manifest."""

    action: str
    digital_source_type: str | None = None
    software_agent: str | None = None
    when: str | None = None


class ClaimedBinding(_Model):
    """One soft binding: writers use text or bytes for the value, so both are understood.

    Attributes:
        alg: algorithm.
        value: the text in the manifest; base64 of the bytes where the manifest holds bytes.
    """

    alg: str
    value: str

    @property
    def payload(self) -> bytes:
        """The bytes meant: base64 decoded where it is base64, else the text itself."""
        try:
            return base64.b64decode(self.value, validate=True)
        except (binascii.Error, ValueError):
            return self.value.encode()


class ManifestClaims(_Model):
    """What one manifest says of itself.

    Attributes:
        manifest_id: its label, "urn:c2pa:…".
        issuer: organisation in the signing certificate.
        signer: common name in the signing certificate.
        claim_generator: program that wrote the manifest, with its version.
        signed_at: RFC 3161 time, only if a time-stamp authority on our lists vouches for it.
        claimed_at: time that the manifest itself states for its first action; proves nothing.
        digital_source_types: of its actions, in order, each once.
        unknown_source_types: those among them that neither IPTC nor C2PA defines.
        ai_disclosure: content of `c2pa.ai-disclosure`.
    """

    manifest_id: str | None = None
    title: str | None = None
    format: str | None = None
    issuer: str | None = None
    signer: str | None = None
    claim_generator: str | None = None
    signed_at: str | None = None
    claimed_at: str | None = None
    actions: tuple[ClaimedAction, ...] = ()
    digital_source_types: tuple[str, ...] = ()
    unknown_source_types: tuple[str, ...] = ()
    soft_bindings: tuple[ClaimedBinding, ...] = ()
    ai_disclosure: dict[str, JsonValue] | None = None
    training_mining: dict[str, str] = {}


class IngredientReport(_Model):
    """One node of the tree below a manifest.

    Attributes:
        state: of the ingredient's own manifest, when it was taken in and now, the worse of both; `absent` if
            it had none; `unknown` if its results were not recorded.
        failures: its own codes. They do not show in the state of the file above, which is why they are here.
        claims: what its manifest says, where it has one.
    """

    title: str | None
    relationship: str | None
    state: IngredientState
    failures: tuple[str, ...] = ()
    claims: ManifestClaims | None = None
    ingredients: tuple[IngredientReport, ...] = ()

    @property
    def development(self) -> bool:
        """Whether it is trusted, and by a certificate that is for development only."""
        return _for_development(self.state, self.claims)


class ProtectionFinding(_Model):
    """Media that the hash leaves out; see `guard.credentials.bmff.Finding`."""

    code: str
    box: str
    offset: int
    size: int


class ConsultedList(_Model):
    """A trust list that was asked, with its day."""

    name: str
    kind: str
    dated: str


class CredentialsReport(_Model):
    """The credentials of one file.

    Attributes:
        state: see `State`.
        reason: stable code behind a state other than trusted and invalid.
        claims: what the file's own manifest says; None unless one could be read.
        failures: codes of the C2PA specification for the file's own manifest.
        ingredient_failures: codes of all ingredients together; the tree says which.
        warnings: things that are allowed and still worth a look.
        ingredients: the tree.
        truncated: whether the tree was cut because of its size.
        protection: media outside the hash.
        trust_list: name of the list that vouches for the signer, with its date.
        retired_list: name of a retired list that did, with its date, where no other list does.
        trust_lists: all lists that were asked.
        remote_url: where the manifest is said to be; never fetched.
        library: what read it.
    """

    state: State
    reason: str | None = None
    claims: ManifestClaims | None = None
    failures: tuple[str, ...] = ()
    ingredient_failures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    ingredients: tuple[IngredientReport, ...] = ()
    truncated: bool = False
    protection: tuple[ProtectionFinding, ...] = ()
    trust_list: str | None = None
    trust_list_date: str | None = None
    retired_list: str | None = None
    retired_list_date: str | None = None
    trust_lists: tuple[ConsultedList, ...] = ()
    remote_url: str | None = None
    library: str

    @property
    def manifest_id(self) -> str | None:
        """Label of the file's own manifest."""
        return self.claims.manifest_id if self.claims else None

    @property
    def development(self) -> bool:
        """Whether the signer is trusted, and its certificate is for development only: nobody else trusts it."""
        return _for_development(self.state, self.claims)

    @property
    def soft_bindings(self) -> tuple[ClaimedBinding, ...]:
        """Soft bindings of the file's own manifest."""
        return self.claims.soft_bindings if self.claims else ()


def _for_development(state: str, claims: ManifestClaims | None) -> bool:
    return state == "trusted" and claims is not None and claims.issuer == DEVELOPMENT_ORGANISATION
