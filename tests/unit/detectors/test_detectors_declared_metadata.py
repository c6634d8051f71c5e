from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from detectors import Claim, Evidence, Outcome, Strength, VerdictName, decide, declared_metadata
from detectors.declared_metadata import DeclaredMetadata
from tests.unit.detectors.samples import subject

PROMPT = "a red fox in the snow"
SAMPLER = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 7, "text": PROMPT}},
    "4": {"class_type": "VAEDecode"},
}
SCALER = {"1": {"class_type": "LoadImage", "inputs": {}}, "2": {"class_type": "ImageScale", "inputs": {}}}
WORKFLOW = {"nodes": [{"id": 3, "type": "KSampler"}], "links": []}
WEBUI = f"{PROMPT}\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x64"
AIGC = {
    "Label": "1",
    "ContentProducer": "001",
    "ProduceID": "x",
    "ReservedCode1": "",
    "ContentPropagator": "001",
}
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def xmp(body: str, attributes: str = "") -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/" '
        f"{attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def source_type(term: str) -> bytes:
    return xmp(f"<Iptc4xmpExt:DigitalSourceType>{SOURCE}{term}</Iptc4xmpExt:DigitalSourceType>")


def png(path: Path, *, compressed: bool = False, **texts: str) -> Path:
    info = PngInfo()
    for key, value in texts.items():
        info.add_text(key.replace("_colon_", ":").replace("_dash_", "-"), value, zip=compressed)
    Image.new("RGB", (8, 8)).save(path, "PNG", pnginfo=info)
    return path


def png_xmp(path: Path, packet: bytes, *, compressed: bool = False) -> Path:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet.decode(), zip=compressed)
    Image.new("RGB", (8, 8)).save(path, "PNG", pnginfo=info)
    return path


def exif(**fields: str | bytes) -> bytes:
    tags = Image.Exif()
    for name, value in fields.items():
        if name == "user_comment":
            tags.get_ifd(0x8769)[0x9286] = value
        else:
            tags[{"make": 0x010F, "model": 0x0110, "software": 0x0131}[name]] = value
    return tags.tobytes()


def picture(path: Path, kind: str, *, exif: bytes = b"", packet: bytes = b"") -> Path:
    Image.new("RGB", (8, 8)).save(path, kind, exif=exif, xmp=packet)
    return path


def video(path: Path, **tags: str) -> Path:
    """Two small frames with tags, written by PyAV."""
    with av.open(
        str(path), "w", options={"movflags": "use_metadata_tags"} if path.suffix == ".mp4" else {}
    ) as out:
        for key, value in tags.items():
            out.metadata[key] = value
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(2):
            out.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24"))
            )
        out.mux(stream.encode())
    return path


def with_box(path: Path, kind: bytes, content: bytes) -> Path:
    """Append a top-level ISO box."""
    with path.open("ab") as file:
        file.write((8 + len(content)).to_bytes(4, "big") + kind + content)
    return path


def examine(path: Path) -> list[Evidence]:
    found = DeclaredMetadata().examine(subject(path=path))
    assert PROMPT not in "".join(item.model_dump_json() for item in found)
    return found


def declared(path: Path) -> list[tuple[str, str]]:
    """Claim and convention of everything that was found."""
    return [(str(item.claim), str(item.details["convention"])) for item in examine(path) if item.claim]


AI, EDIT, MENTION = "declares_ai", "declares_ai_edit", "mentions_generator"
XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("parameters", WEBUI, (AI, "webui_parameters")),
        ("prompt", json.dumps(SAMPLER), (AI, "comfyui_graph")),
        ("prompt", json.dumps(SCALER), (MENTION, "comfyui_graph")),
        ("workflow", json.dumps(WORKFLOW), (AI, "comfyui_graph")),
        (
            "invokeai_metadata",
            json.dumps({"generation_mode": "txt2img", "seed": 1}),
            (AI, "invokeai_metadata"),
        ),
        ("sd_dash_metadata", json.dumps({"image": {"seed": 1}}), (AI, "invokeai_metadata")),
        ("Dream", f'"{PROMPT}" -s 50 -S 1234 -W 512', (AI, "invokeai_dream")),
        ("AIGC", json.dumps(AIGC), (AI, "tc260_aigc_label")),
        ("AIGC", json.dumps({"AIGC": AIGC}), (AI, "tc260_aigc_label")),
        ("AIGC", json.dumps({**AIGC, "Label": "3"}), (MENTION, "tc260_aigc_label")),
        ("Software", "NovelAI", (MENTION, "tool_name")),
    ],
)
def test_png_texts(tmp_path: Path, key: str, value: str, expected: tuple[str, str], compressed: bool) -> None:
    assert declared(png(tmp_path / "a.png", compressed=compressed, **{key: value})) == [expected]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Comment", "Steps: 20 up to the castle"),
        ("prompt", "a prompt of a reading lamp"),
        ("prompt", "[1, 2]"),
        ("prompt", '{"a": 1}'),
        ("workflow", '{"nodes": "KSampler"}'),
        ("dream", "I had a dream"),
        ("AIGC", '{"Label": "0"}'),
        ("AIGC", '{"Label": null}'),
        ("Software", "Adobe Photoshop 25.0"),
        ("Author", "Comfy Ui Midjourney"),
        ("encoder", "Lavf61.7.100"),
        ("prompt", "{" * 100_000),
        ("workflow", '{"nodes":' + "[" * 100_000),
    ],
)
def test_what_declares_nothing(tmp_path: Path, key: str, value: str) -> None:
    found = examine(png(tmp_path / "a.png", **{key: value}))
    assert [item.outcome for item in found] == [Outcome.NOT_DETECTED]


def test_an_ordinary_picture_declares_nothing(tmp_path: Path) -> None:
    camera = exif(
        make="Canon", model="Canon EOS R5", software="Firmware 1.8", user_comment=b"ASCII\0\0\0holiday"
    )
    for kind, packet in (("JPEG", source_type("digitalCapture")), ("WEBP", b""), ("PNG", b"")):
        found = examine(picture(tmp_path / kind, kind, exif=camera, packet=packet))
        assert [item.outcome for item in found] == [Outcome.NOT_DETECTED], kind


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"make": "workflow:" + json.dumps(WORKFLOW)}, (AI, "comfyui_graph")),
        ({"model": "prompt:" + json.dumps(SAMPLER)}, (AI, "comfyui_graph")),
        ({"user_comment": b"ASCII\0\0\0" + WEBUI.encode()}, (AI, "webui_parameters")),
        ({"user_comment": b"UNICODE\0" + WEBUI.encode("utf-16-be")}, (AI, "webui_parameters")),
        ({"user_comment": b"UNICODE\0" + WEBUI.encode("utf-16-le")}, (AI, "webui_parameters")),
        ({"user_comment": b"\0" * 8 + json.dumps({"AIGC": AIGC}).encode()}, (AI, "tc260_aigc_label")),
        ({"software": "Stable Diffusion 3"}, (MENTION, "tool_name")),
    ],
)
def test_exif(tmp_path: Path, kind: str, fields: dict[str, str | bytes], expected: tuple[str, str]) -> None:
    assert declared(picture(tmp_path / "a", kind, exif=exif(**fields))) == [expected]


PACKETS = [
    (source_type("trainedAlgorithmicMedia"), (AI, "iptc_digital_source_type")),
    (source_type("compositeWithTrainedAlgorithmicMedia"), (EDIT, "iptc_digital_source_type")),
    (source_type("algorithmicMedia"), (MENTION, "iptc_digital_source_type")),
    (xmp("", 'Iptc4xmpExt:DigitalSourceType="trainedAlgorithmicMedia"'), (AI, "iptc_digital_source_type")),
    (
        xmp(f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{SOURCE}trainedAlgorithmicMedia"/>'),
        (AI, "iptc_digital_source_type"),
    ),
    (
        xmp(
            "<Iptc4xmpExt:DigitalSourceType><rdf:Bag><rdf:li>trainedAlgorithmicMedia</rdf:li></rdf:Bag>"
            "</Iptc4xmpExt:DigitalSourceType>"
        ),
        (AI, "iptc_digital_source_type"),
    ),
    (xmp(f"<TC260:AIGC>{json.dumps(AIGC)}</TC260:AIGC>"), (AI, "tc260_aigc_label")),
    (xmp("<TC260:Label>1</TC260:Label>"), (AI, "tc260_aigc_label")),
    (xmp("", 'xmp:CreatorTool="Adobe Firefly 2.0"'), (MENTION, "tool_name")),
]


@pytest.mark.parametrize(("packet", "expected"), PACKETS)
def test_xmp_of_pictures(tmp_path: Path, packet: bytes, expected: tuple[str, str]) -> None:
    assert declared(picture(tmp_path / "a.jpg", "JPEG", packet=packet)) == [expected]
    assert declared(picture(tmp_path / "a.webp", "WEBP", packet=packet)) == [expected]
    assert declared(png_xmp(tmp_path / "a.png", packet)) == [expected]
    assert declared(png_xmp(tmp_path / "b.png", packet, compressed=True)) == [expected]


@pytest.mark.parametrize(
    "packet",
    [
        b'<!DOCTYPE x [<!ENTITY a "trainedAlgorithmicMedia">]>'
        + source_type("trainedAlgorithmicMedia").replace(b"trainedAlgorithmicMedia", b"&a;"),
        b'<!DOCTYPE x SYSTEM "file:///etc/hostname">' + source_type("trainedAlgorithmicMedia"),
        source_type("trainedAlgorithmicMediaOfMine"),
        source_type("../trainedAlgorithmicMedia"),
        source_type("trainedAlgorithmicMedia").replace(b"iptc.org/std", b"example.org/std"),
        b"<a>" * 50_000,
        b"\xff\xfe<\x00",
        b"",
    ],
)
def test_hostile_xmp_declares_nothing(tmp_path: Path, packet: bytes) -> None:
    path = picture(tmp_path / "a.webp", "WEBP", packet=packet)
    assert [item.outcome for item in examine(path)] == [Outcome.NOT_DETECTED]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("AIGC", json.dumps(AIGC), (AI, "tc260_aigc_label")),
        ("comment", json.dumps({"prompt": json.dumps(SAMPLER), "workflow": WORKFLOW}), (AI, "comfyui_graph")),
        ("prompt", json.dumps(SAMPLER), (AI, "comfyui_graph")),
        ("comment", WEBUI, (AI, "webui_parameters")),
    ],
)
def test_tags_of_videos(tmp_path: Path, suffix: str, key: str, value: str, expected: tuple[str, str]) -> None:
    assert declared(video(tmp_path / f"a{suffix}", **{key: value})) == [expected]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_an_encoders_name_is_neutral(tmp_path: Path, suffix: str) -> None:
    path = video(tmp_path / f"a{suffix}", title="Holiday")
    assert b"Lavf" in path.read_bytes()
    assert [item.outcome for item in examine(path)] == [Outcome.NOT_DETECTED]


def test_comment_in_an_itunes_list(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    video(path.with_suffix(".mov"), comment=WEBUI)
    with av.open(str(path.with_suffix(".mov"))) as source, av.open(str(path), "w") as out:
        out.metadata["comment"] = WEBUI
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    assert b"ilst" in path.read_bytes()
    assert declared(path) == [(AI, "webui_parameters")]


def test_xmp_of_a_video(tmp_path: Path) -> None:
    packet = source_type("trainedAlgorithmicMedia")
    plain = video(tmp_path / "a.mp4")
    assert [item.outcome for item in examine(plain)] == [Outcome.NOT_DETECTED]
    path = with_box(video(tmp_path / "b.mp4"), b"uuid", XMP_BOX + packet)
    assert declared(path) == [(AI, "iptc_digital_source_type")]


def test_packets_that_belong_to_other_pictures_are_left_alone(tmp_path: Path) -> None:
    packet = source_type("trainedAlgorithmicMedia")
    path = with_box(video(tmp_path / "a.mp4"), b"uuid", C2PA_BOX + packet)
    with_box(path, b"free", packet)
    with_box(path, b"mdat", packet)
    assert [item.outcome for item in examine(path)] == [Outcome.NOT_DETECTED]


def test_strength_and_verdict(tmp_path: Path) -> None:
    found = examine(png(tmp_path / "a.png", parameters=WEBUI, Software="NovelAI"))
    assert {item.claim: item.strength for item in found} == {
        Claim.DECLARES_AI: Strength.DECLARED,
        Claim.MENTIONS_GENERATOR: Strength.HINT,
    }
    assert decide(found).verdict is VerdictName.DECLARED_AI_UNSIGNED
    hint = examine(png(tmp_path / "b.png", Software="NovelAI"))
    assert decide(hint).verdict is VerdictName.INCONCLUSIVE


def test_one_convention_in_two_chunks_is_said_once(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", prompt=json.dumps(SAMPLER), workflow=json.dumps(WORKFLOW))
    assert declared(path) == [(AI, "comfyui_graph")]


def test_a_playlist_is_not_followed_to_other_files(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "other.ts"), "w", format="mpegts") as output:
        stream = output.add_stream("mpeg2video", rate=25, width=64, height=64, pix_fmt="yuv420p")
        ramp = np.tile(np.arange(64, dtype=np.uint8), (96, 1))  # planes of yuv420p, one above the other
        for number in range(25):
            frame = av.VideoFrame.from_ndarray(ramp, format="yuv420p")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n")
    with av.open(str(playlist)) as followed:  # what opening it without care would do
        assert followed.streams.video
    without = {"format_whitelist": declared_metadata._WITHOUT_BOXES}
    with pytest.raises(av.FFmpegError), av.open(str(playlist), options=without):
        pass
    assert declared_metadata._container_tags(playlist, boxes=False) == []
