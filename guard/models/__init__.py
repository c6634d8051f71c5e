"""The registry of weight files: source, licence, sha256, purpose. Nothing is downloaded but by `fetch`."""

from guard.models.errors import ModelError
from guard.models.registry import Model, Problem, locate, models, named, record, verify

__all__ = ["Model", "ModelError", "Problem", "locate", "models", "named", "record", "verify"]
