"""Errors of the watermark codec."""


class MarkError(Exception):
    """A watermark could not be embedded or looked for.

    Attributes:
        code: Stable, snake_case name of the reason. One of ``mark_key_invalid``, ``mark_payload_invalid``,
            ``mark_preset_unknown``, ``mark_codec_unknown``, ``mark_codec_missing``, ``mark_codec_invalid``,
            ``mark_frame_too_small``, ``mark_frames_invalid``, ``mark_size_changed``,
            ``mark_no_frames``, ``mark_keys_invalid``, ``mark_reading_invalid``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
