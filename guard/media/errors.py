"""What can go wrong with a media file, as stable codes."""


class MediaError(Exception):
    """A media file could not be read or written.

    Args:
        code: stable, snake_case. Reading: ``media_missing``, ``media_empty``, ``media_unreadable``,
            ``media_truncated``, ``media_no_video``, ``media_too_large``, ``media_bomb``. Writing:
            ``media_write_failed``, ``media_size_unsupported``, ``media_encoder_missing``,
            ``media_codec_unsupported``.
            In the sandbox: ``media_timeout``, ``media_bomb``, ``media_crashed``.
        message: what happened and what to do about it; never contents of the file.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SandboxError(MediaError):
    """A call in the sandboxed child failed.

    ``code`` is the code of the error that the function raised in the child, whichever room it belongs to, or
    ``media_timeout``, ``media_bomb`` or ``media_crashed`` when the child itself had to be ended or died.
    """
