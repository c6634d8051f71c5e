from __future__ import annotations

import base64
import dataclasses
import io
import json
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import func, select

from guard.api.state import UPLOADS_PER_EXAMINATION
from guard.fingerprints.pdq import pdq
from guard.media import sandbox
from guard.media.errors import SandboxError
from guard.media.sandbox import Limits
from guard.pipeline import sealing
from guard.pipeline.hook import Hook
from guard.store import Decision, Seal
from guard.store import seals as seal_rows
from guard.store.audit import audit
from policies import OPENAI_CATEGORIES, Category, Examiner, load_policy
from policies.hashes import HashList, HashLists
from tests.integration.api.conftest import Api
from tests.policy import BLOCKED_RULE, BLOCKED_WORD, SEALED_HELD_WORD, SEALED_WORD

HARMLESS = "A lighthouse at dusk"


def data_url(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def test_a_text(api: Api) -> None:
    answer = api(
        "POST", "/v1/moderations", json={"input": HARMLESS, "model": "omni-moderation-latest"}
    ).json()
    assert answer["id"].startswith("modr-")
    (result,) = answer["results"]
    assert result["flagged"] is False
    for part in ("categories", "category_scores", "category_applied_input_types"):
        assert list(result[part]) == list(OPENAI_CATEGORIES)
    assert set(result["category_applied_input_types"]["sexual"]) == {"text"}
    assert result["extended"]["action"] == "allow"
    assert result["extended"]["policy"] == f"test-policy@{load_policy().version}"


def test_a_list_of_texts_gives_one_result_each(api: Api) -> None:
    texts = [HARMLESS, f"A museum shows a drawing of the {BLOCKED_WORD}, an extinct zebra", HARMLESS]
    results = api("POST", "/v1/moderations", json={"input": texts}).json()["results"]
    assert [result["extended"]["action"] for result in results] == ["allow", "block", "allow"]
    assert [result["flagged"] for result in results] == [
        False
    ] * 3  # the wire has no name for protected works
    assert results[1]["extended"]["reason"] == f"rule.{BLOCKED_RULE}"
    assert results[1]["extended"]["categories"][0] == "ip_copyright"


def test_parts_give_one_result_together(api: Api, picture_png: Path) -> None:
    parts = [
        {"type": "text", "text": f"The {BLOCKED_WORD} is extinct"},
        {"type": "image_url", "image_url": {"url": data_url(picture_png)}},
    ]
    (result,) = api("POST", "/v1/moderations", json={"input": parts}).json()["results"]
    assert result["extended"]["action"] == "block"
    assert result["category_applied_input_types"]["sexual"] == ["text", "image"]
    assert result["category_applied_input_types"]["hate"] == ["text"]
    (alone,) = api("POST", "/v1/moderations", json={"input": parts[1:]}).json()["results"]
    assert alone["flagged"] is False
    assert alone["category_applied_input_types"]["sexual"] == ["image"]
    assert list(api.state.installation.paths.uploads.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "invalid_value"),
        ([], "invalid_value"),
        (7, "invalid_value"),
        ([HARMLESS, 7], "invalid_value"),
        ([{"type": "audio"}], "invalid_value"),
        ([{"type": "image_url", "image_url": "x"}], "invalid_value"),
        ([HARMLESS] * 33, "invalid_value"),
        ("", "prompt_empty"),
        ("x" * 40_000, "prompt_too_long"),
        ([{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}], "remote_url_refused"),
        ([{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}], "remote_url_refused"),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64,%%%"}}], "image_unreadable"),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}], "media_unreadable"),
    ],
)
def test_input_that_cannot_be_judged(api: Api, value: object, code: str) -> None:
    response = api("POST", "/v1/moderations", json={"input": value})
    assert (response.status_code, response.json()["error"]["code"]) == (400, code)
    assert response.json()["error"]["param"] == "input"
    assert "video" not in response.json()["error"]["message"]
    assert list(api.state.installation.paths.uploads.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "input is an empty list"),
        ([1, 2], "input[0] is no part"),
        ([HARMLESS, 7], "input[0] is no part"),
        ([{"type": "text", "text": HARMLESS}, HARMLESS], "input[1] is no part"),
        ("a\x00b", "control character NUL"),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}], "send PNG, JPEG, WebP"),
    ],
)
def test_what_is_wrong_with_the_input_is_said(api: Api, value: object, words: str) -> None:
    message = api("POST", "/v1/moderations", json={"input": value}).json()["error"]["message"]
    assert words in message
    assert "MP4" not in message


def moving(count: int) -> bytes:
    """A GIF of so many pictures."""
    pictures = [Image.new("RGB", (64, 48), (80 * n, 40, 90)) for n in range(count)]
    out = io.BytesIO()
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:], duration=100)
    return out.getvalue()


def test_a_gif_is_taken_if_it_stands_still(api: Api) -> None:
    for count, status in ((1, 200), (3, 400)):
        url = f"data:image/gif;base64,{base64.b64encode(moving(count)).decode()}"
        part = {"type": "image_url", "image_url": {"url": url}}
        response = api("POST", "/v1/moderations", json={"input": [part]})
        assert response.status_code == status, count


def test_a_data_url_may_have_parameters(api: Api, picture_png: Path) -> None:
    url = data_url(picture_png).replace(";base64", ";charset=utf-8;base64")
    part = {"type": "image_url", "image_url": {"url": url}}
    assert api("POST", "/v1/moderations", json={"input": [part]}).status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_body_of_another_type_is_refused_as_that(kind: str, api: Api) -> None:
    body = b'{"input": "A lighthouse"}'
    code = api.error("POST", "/v1/moderations", content=body, headers={"content-type": kind})
    assert code == (415, "content_type_unsupported")


def test_work_and_not_waiting_ends_the_reading_of_a_picture(
    api: Api, picture_png: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Limits] = []

    def call(target: str, arguments: object, *, limits: Limits, readable: object) -> object:
        given.append(limits)
        raise SandboxError("media_timeout", "Too long.")

    monkeypatch.setattr(sandbox, "call", call)
    part = {"type": "image_url", "image_url": {"url": data_url(picture_png)}}
    assert api.error("POST", "/v1/moderations", json={"input": [part]}) == (400, "media_timeout")
    assert given[0].seconds > 3 * given[0].cpu_seconds


def test_a_body_of_countless_values_is_refused_before_it_is_parsed(api: Api) -> None:
    headers = {"content-type": "application/json"}
    tracemalloc.start()
    refused = api.error(
        "POST", "/v1/moderations", content=b'{"input":[' + b"[]," * 9_000_000 + b"[]]}", headers=headers
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused == (400, "too_many_values")
    assert peak < 128 * 1024**2


def test_a_body_with_pictures_takes_a_place_and_a_text_does_not(api: Api) -> None:
    large = {"input": "x" * (2 * 1024**2)}
    with ExitStack() as held:
        for _ in range(api.state.settings.uploads.concurrent * UPLOADS_PER_EXAMINATION):
            held.enter_context(api.state.upload_slot(address=None))
        assert api.error("POST", "/v1/moderations", json=large) == (503, "busy")
        assert api("POST", "/v1/moderations", json={"input": HARMLESS}).status_code == 200
    assert api.error("POST", "/v1/moderations", json=large) == (400, "prompt_too_long")


def seals_in(api: Api) -> list[Seal]:
    with api.state.services.database.read() as session:
        return list(seal_rows.list_seals(session, everything=True))


def decisions_in(api: Api) -> int:
    with api.state.services.database.read() as session:
        return session.scalar(select(func.count(Decision.id))) or 0


@pytest.fixture
def listed(api: Api, picture_png: Path, tmp_path: Path) -> Iterator[Path]:
    """A picture that is on an operator's list."""
    pixels = np.asarray(Image.open(picture_png).convert("RGB"))
    path = tmp_path / "list.txt"
    path.write_text(f"{pdq(pixels)[0].hex()}\n")
    lists = HashLists([HashList("authority", path, Category.SEXUAL_MINORS)], pdq)
    original = api.state.installation
    examiner = Examiner(original.services.judge.alone, hash_lists=lists)
    services = dataclasses.replace(original.services, make_judge=lambda: examiner)
    api.state.installation = dataclasses.replace(original, services=services)
    yield picture_png
    api.state.installation = original


def test_a_listed_picture_is_sealed_and_told_to_the_hook(api: Api, listed: Path, tmp_path: Path) -> None:
    before = len(seals_in(api))
    picture = {"type": "image_url", "image_url": {"url": data_url(listed)}}
    parts = [{"type": "text", "text": HARMLESS}, picture]
    (result,) = api("POST", "/v1/moderations", json={"input": parts}).json()["results"]
    assert (result["extended"]["action"], result["extended"]["reason"]) == ("block", "hash.authority")
    assert result["flagged"]
    sealed = seals_in(api)[-1]
    assert len(seals_in(api)) == before + 1
    assert (sealed.decision_id, sealed.stage, sealed.video_id) == (
        result["extended"]["decision_id"],
        "input",
        None,
    )
    services = api.state.services
    assert list(api.state.installation.paths.uploads.iterdir()) == []
    picture_bytes = listed.read_bytes()
    stored = [path.read_bytes() for path in (api.state.installation.paths.sealed / sealed.id).iterdir()]
    assert [data[:16] in picture_bytes for data in stored] == [False]
    text, shown = sorted(sealing.unseal(services, sealed.id, tmp_path / "report"), reverse=True)
    assert text.read_text() == HARMLESS
    assert shown.read_bytes() == picture_bytes
    told = tmp_path / "told.json"
    command = (sys.executable, "-c", f"import sys; open({str(told)!r}, 'w').write(sys.stdin.read())")
    hooked = dataclasses.replace(services, hook=Hook(command=command))
    assert sealing.tell(hooked, at_once=True)[1] == 0
    assert json.loads(told.read_text()) == sealing.ids_of(sealed)
    kept = services.log.kept()
    with services.database.read() as session:
        assert audit(session, services.log, kept=kept, vault=services.vault).problems == []


def test_what_was_seen_is_sealed_also_if_the_next_part_cannot_be_read(api: Api, listed: Path) -> None:
    before = len(seals_in(api))
    broken = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    picture = {"type": "image_url", "image_url": {"url": data_url(listed)}}
    assert api.error("POST", "/v1/moderations", json={"input": [picture, broken]}) == (
        400,
        "media_unreadable",
    )
    assert len(seals_in(api)) == before + 1
    assert api.error("POST", "/v1/moderations", json={"input": [broken]}) == (400, "media_unreadable")
    assert len(seals_in(api)) == before + 1


def test_a_picture_beside_a_text_under_the_minors_rule_is_sealed(api: Api, picture_png: Path) -> None:
    before = len(seals_in(api))
    picture = {"type": "image_url", "image_url": {"url": data_url(picture_png)}}
    parts = [picture, {"type": "text", "text": f"a {SEALED_HELD_WORD}"}]
    (result,) = api("POST", "/v1/moderations", json={"input": parts}).json()["results"]
    assert result["extended"]["action"] == "review"
    assert result["extended"]["decision_id"] == seals_in(api)[-1].decision_id
    assert len(seals_in(api)) == before + 1


def test_everything_else_is_answered_and_forgotten(api: Api, picture_png: Path) -> None:
    """Texts alone too, under the minors rule as well: whoever asks has them."""
    seals, decisions = len(seals_in(api)), decisions_in(api)
    picture = {"type": "image_url", "image_url": {"url": data_url(picture_png)}}
    marked = f"a {SEALED_WORD} at xyzzy"
    for given in (marked, [marked], [{"type": "text", "text": marked}], [picture]):
        (result,) = api("POST", "/v1/moderations", json={"input": given}).json()["results"]
        assert result["extended"]["decision_id"] is None
        assert ("sexual_minors" in result["extended"]["categories"]) is (given != [picture])
    blocked = [{"type": "text", "text": f"the {BLOCKED_WORD} at xyzzy"}, picture]
    api("POST", "/v1/moderations", json={"input": blocked})
    assert (len(seals_in(api)), decisions_in(api)) == (seals, decisions)
    data = api.state.installation.paths.data
    assert list(api.state.installation.paths.uploads.iterdir()) == []
    for path in data.rglob("*"):
        if path.is_file():
            assert b"xyzzy" not in path.read_bytes(), path
