"""Training of the embedded model: drawing, encoding, learning, measuring."""
