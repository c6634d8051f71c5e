"""Reading and writing clips and pictures, and the sandbox in which untrusted ones are read."""

from guard.media.errors import MediaError, SandboxError
from guard.media.info import Chunk, ClipInfo, Frames, FrameSource, ReadLimits
from guard.media.reading import VideoFile, probe
from guard.media.sound import speech
from guard.media.stills import write_still
from guard.media.writing import encode, strip_metadata, write_lossless

__all__ = [
    "Chunk",
    "ClipInfo",
    "FrameSource",
    "Frames",
    "MediaError",
    "ReadLimits",
    "SandboxError",
    "VideoFile",
    "encode",
    "probe",
    "speech",
    "strip_metadata",
    "write_lossless",
    "write_still",
]
