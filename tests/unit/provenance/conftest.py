"""A signed clip and those who trust its issuer."""

from tests.credentials_fixtures import clip, identity, keys, signed, spec, trust

__all__ = ["clip", "identity", "keys", "signed", "spec", "trust"]
