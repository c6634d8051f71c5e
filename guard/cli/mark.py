"""`guard mark`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guard.cli.common import (
    FELL_SHORT,
    JsonFlag,
    LangOption,
    Language,
    group,
    installation,
    language,
    out,
    progress_bar,
    show_json,
    usable_folder,
)

if TYPE_CHECKING:
    from guard.marks import Reading

app = group(
    "The watermark by itself: embed one, or read one, with the keys of this installation.",
    example="guard mark read clip.mp4",
)

_STILLS = (".png", ".jpg", ".jpeg", ".webp")
_WORDS = {
    "en": {
        "read": "payload {payload}",
        "unreadable": "a mark, unreadable",
        "absent": "no mark",
        "stretch": "  {start} s to {end} s: {what}",
        "rest": "key {key}, {frames} frames, p <= {p:.1g}",
        "absent_note": "No mark of this installation's keys was found, which says nothing about where the file comes"
        " from.",
        "pointer_note": "A payload is only a pointer: guard verify says whether the pictures are those of the release.",
        "marked": "{file}: payload {payload}, key {key}, preset {preset}",
    },
    "de": {
        "read": "Kennung {payload}",
        "unreadable": "ein Wasserzeichen, nicht lesbar",
        "absent": "kein Wasserzeichen",
        "stretch": "  {start} s bis {end} s: {what}",
        "rest": "Schlüssel {key}, {frames} Bilder, p <= {p:.1g}",
        "absent_note": "Es wurde kein Wasserzeichen der Schlüssel dieser Installation gefunden; woher die Datei kommt,"
        " sagt das nicht.",
        "pointer_note": "Eine Kennung verweist nur: guard verify sagt, ob die Bilder die der genannten Freigabe sind.",
        "marked": "{file}: Kennung {payload}, Schlüssel {key}, Voreinstellung {preset}",
    },
}


def _payload(text: str) -> str:
    try:
        right = len(bytes.fromhex(text)) == 8
    except ValueError:
        right = False
    if not right:
        raise typer.BadParameter("give 16 hexadecimal digits, for example 0123456789abcdef")
    return text


@app.command("embed")
def embed_mark(
    file: Annotated[
        Path, typer.Argument(metavar="IN", help="Video or picture to mark.", exists=True, dir_okay=False)
    ],
    to: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="Marked file: .mp4 for a video, .png, .jpg or .webp for a picture. Its folder is made if missing.",
        ),
    ],
    payload: Annotated[
        str, typer.Option(help="The 64 bits to embed, 16 hexadecimal digits.", callback=_payload)
    ],
    preset: Annotated[
        str,
        typer.Option(
            help="invisible, robust, small, still or strong. Without it: still for a picture, for a video what the"
            " settings say."
        ),
    ] = "",
    as_json: JsonFlag = False,
    lang: LangOption = "",
) -> None:
    """Put a payload of your own into a file, with this installation's current key.

    What Guard generates is marked on its way already, with a payload of its own. One of yours is known to no registry:
    `guard mark read` shows it, and `guard verify` says that no release goes with it.

    Example: `guard mark embed clip.mov marked.mp4 --payload 0123456789abcdef --preset invisible`
    """
    from guard.marks import codecs
    from guard.media import VideoFile

    if to.exists() and to.samefile(file):
        raise typer.BadParameter("the file to mark is left as it is: name another one", param_hint="OUT")
    source = VideoFile(file)
    allowed = _STILLS if source.is_still else (".mp4",)
    if to.suffix.lower() not in allowed:
        raise typer.BadParameter(f"must end in {' or '.join(allowed)}", param_hint="OUT")
    usable_folder(to.parent)
    with installation() as opened:
        keys = opened.services.mark_keys
        key = keys[0]
        chosen = preset or ("still" if source.is_still else opened.services.mark_preset)
        encoding = opened.services.encoding
        codec = opened.services.mark_codec
    if (found := codecs.read(source.chunks(), keys, codec).payload) is not None:
        raise typer.BadParameter(
            f"carries a mark of this installation already, payload {found.hex()}: a second one could not be read",
            param_hint="IN",
        )
    to.parent.mkdir(parents=True, exist_ok=True)
    embedder = codec.embedder(key, bytes.fromhex(payload), source.info.width, source.info.height, chosen)
    if source.is_still:
        from PIL import Image

        (picture,) = embedder(next(iter(source.chunks())).frames)
        Image.fromarray(picture).save(to, quality=95)
    else:
        from guard.media import encode

        with progress_bar() as bar:
            task = bar.add_task(to.name, total=1.0)
            encode(
                source,
                to,
                transform=embedder,
                encoder=encoding.name,
                crf=encoding.crf,
                preset=encoding.preset,
                threads=encoding.threads,
                audio_from=file if source.info.audio else None,
                progress=lambda share: bar.update(task, completed=share),
            )
    answer = {"file": str(to), "payload": payload.lower(), "key_id": key.id, "preset": chosen}
    if as_json:
        show_json(answer)
    else:
        text = _WORDS[language(lang)]["marked"]
        out.print(text.format(file=to, payload=answer["payload"], key=key.id, preset=chosen), markup=False)


@app.command("read")
def read_mark(
    file: Annotated[Path, typer.Argument(help="Video or picture.", exists=True, dir_okay=False)],
    as_json: JsonFlag = False,
    lang: LangOption = "",
) -> None:
    """Read the watermark of a file with this installation's keys, second by second.

    The file is decoded in a sandboxed process. Exit code 0 if a payload was read, 1 if not.

    Examples: `guard mark read clip.mp4`, `guard mark read clip.mp4 --json`
    """
    from guard.inspection import inspect_file
    from guard.marks import MarkError

    with installation() as opened:
        reading = inspect_file(opened.services.inspector, file.absolute()).reading
    if reading is None:
        raise MarkError(
            "mark_frame_too_small", "The file has no pictures that are large enough to carry a mark."
        )
    if as_json:
        show_json(reading.to_json())
    else:
        _show(reading, language(lang))
    if reading.status != "read":
        raise typer.Exit(FELL_SHORT)


def _show(reading: Reading, lang: Language) -> None:
    words = _WORDS[lang]

    def what(of: Any) -> str:
        return words[of.status].format(payload="" if of.payload is None else of.payload.hex())

    def number(seconds: float) -> str:
        text = f"{seconds:.1f}"
        return text.replace(".", ",") if lang == "de" else text

    out.print(what(reading), style="bold", markup=False, highlight=False)
    if len(reading.timeline) > 1:
        for part in reading.timeline:
            line = words["stretch"].format(start=number(part.start), end=number(part.end), what=what(part))
            out.print(line, markup=False, highlight=False)
    if reading.key_id is None:
        out.print(words["absent_note"], markup=False)
        return
    rest = words["rest"].format(key=reading.key_id, frames=reading.frames, p=reading.p_value)
    out.print(rest, markup=False, highlight=False)
    if reading.status == "read":
        out.print(words["pointer_note"], markup=False)
