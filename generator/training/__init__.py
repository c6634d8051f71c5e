"""Training of the embedded model: drawing, encoding, learning, measuring."""

from generator._torchvision import prepare

prepare()
