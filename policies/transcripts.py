"""What is said in a clip, as text: the protocol, and services that transcribe as OpenAI's does."""

import json
import secrets
from typing import Protocol

from policies.judges.endpoint import Post
from policies.judges.opinion import JudgeError


class Transcriber(Protocol):
    """Turns speech into text."""

    @property
    def id(self) -> str:
        """Name and version of the model."""

    @property
    def digest(self) -> str:
        """``sha256:`` digest of its weights; empty where they are out of sight."""

    def transcribe(self, sound: bytes) -> str:
        """The words of a WAV file; empty if there are none.

        Raises:
            JudgeError: It cannot.
        """


class TranscriptionEndpoint:
    """A service that answers ``POST /audio/transcriptions``.

    Args:
        base_url: Up to and including the version.
        model: The model to ask for.
        key: Of the service; None sends none.
        post: The HTTP client.
    """

    digest = ""

    def __init__(self, base_url: str, model: str, key: str | None, post: Post) -> None:
        self.id = model
        self._url = base_url.rstrip("/") + "/audio/transcriptions"
        self._key = key
        self._post = post

    def transcribe(self, sound: bytes) -> str:
        """The words of a WAV file; it leaves this machine for the service.

        Raises:
            JudgeError: ``unreachable``, ``timeout``, ``refused`` or ``unreadable``.
        """
        mark = secrets.token_hex(16)
        fields = {"model": self.id, "response_format": "json"}
        part = f"--{mark}\r\ncontent-disposition: form-data; name="
        head = "".join(f'{part}"{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
        head += f'{part}"file"; filename="sound.wav"\r\ncontent-type: audio/wav\r\n\r\n'
        headers = {"content-type": f"multipart/form-data; boundary={mark}", "accept": "application/json"}
        if self._key is not None:
            headers["authorization"] = f"Bearer {self._key}"
        answer = self._post(self._url, head.encode() + sound + f"\r\n--{mark}--\r\n".encode(), headers)
        try:
            text = json.loads(answer)["text"]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise JudgeError("unreadable") from None
        if not isinstance(text, str):
            raise JudgeError("unreadable")
        return text
