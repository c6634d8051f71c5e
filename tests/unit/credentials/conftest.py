"""Fixtures of these tests."""

from tests.credentials_fixtures import clip, edited, fragmented, identity, keys, signed, spec, trust

__all__ = ["clip", "edited", "fragmented", "identity", "keys", "signed", "spec", "trust"]
