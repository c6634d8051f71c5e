"""Guard: policy, provenance and detection around generative video."""

__version__ = "0.1.0"
