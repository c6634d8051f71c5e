"""The page at /verify in a real browser, against the running service."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from guard.media import strip_metadata
from tests import media
from tests.browser import chromium, watched_page
from tests.server import Server

ABSENCE = {
    "en": "Not finding a signal does not show that the file is real.",
    "de": "Dass kein Hinweis gefunden wurde, zeigt nicht, dass die Datei echt ist.",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("web") / "data")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def released(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that the service itself made and released."""
    form = {"prompt": "A calm lake at sunset", "model": "test-pictures", "seconds": "2", "size": "640x360"}
    video = server.request("POST", "/videos", json=form).json()
    done = server.await_video(video["id"])
    assert done["status"] == "completed", done
    path = tmp_path_factory.mktemp("released") / "lake.mp4"
    path.write_bytes(server.request("GET", f"/videos/{video['id']}/content").content)
    return path


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that the service never saw."""
    path = tmp_path_factory.mktemp("stranger") / "holiday.mp4"
    return media.write_clip(path, media.scene(640, 360, 24, seed=9), fps=12)


@pytest.fixture(scope="module")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text with a video's name."""
    path = tmp_path_factory.mktemp("text") / "film.mp4"
    path.write_text("This is no film.\n" * 40)
    return path


def check(page: Page, server: Server, file: Path, query: str = "") -> str:
    """Choose a file, press the button, wait; gives the outcome's code."""
    page.goto(f"{server.url}/verify{query}")
    page.set_input_files("#file", file)
    page.click("button[type=submit]")
    code = page.locator("[data-outcome]").get_attribute("data-outcome")
    assert code is not None
    return code


def badges(page: Page) -> dict[str, str]:
    """How each examination ended, by its name."""
    rows = page.locator(".evidence > li")
    return {
        row.locator("strong").inner_text(): row.locator(".badge").inner_text()
        for row in (rows.nth(index) for index in range(rows.count()))
    }


@pytest.mark.parametrize(
    ("language", "captions"),
    [
        ("en", [r"Your file, at \d\.\d s", r"The release, at \d\.\d s"]),
        ("de", [r"Ihre Datei, bei \d,\d s", r"Die Freigabe, bei \d,\d s"]),
    ],
)
def test_a_copy_stands_beside_its_original(
    browser: Browser,
    server: Server,
    released: Path,
    stranger: Path,
    tmp_path: Path,
    language: str,
    captions: list[str],
) -> None:
    strip_metadata(released, tmp_path / "copy.mp4")
    with watched_page(browser) as page:
        assert check(page, server, tmp_path / "copy.mp4", f"?lang={language}") == "generated_here"
        figures = page.locator(".beside figure")
        expect(figures).to_have_count(2)
        for number, caption in enumerate(captions):
            picture = figures.nth(number).locator("img")
            assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [480, 270]
            assert picture.get_attribute("alt")
            expect(figures.nth(number).locator("figcaption")).to_have_text(re.compile(caption))
        check(page, server, stranger, f"?lang={language}")
        expect(figures).to_have_count(0)


def test_the_landing_page_leads_to_the_check(server: Server, browser: Browser) -> None:
    with watched_page(browser) as page:
        page.goto(server.url)
        page.get_by_role("main").get_by_role("link", name="Check a file").click()
        expect(page).to_have_url(f"{server.url}/verify?lang=en")
        expect(page.get_by_role("heading", level=1)).to_have_text("Where does this file come from?")


def test_a_released_file_is_recognised(server: Server, browser: Browser, released: Path) -> None:
    with watched_page(browser) as page:
        assert check(page, server, released) == "generated_here"
        heading = page.get_by_role("heading", level=2)
        expect(heading).to_have_text("What this file shows was generated and released by this service.")
        expect(heading).to_be_focused()
        expect(page.get_by_role("status")).to_have_text("The result is here.")
        assert badges(page) == {
            "Registry of releases": "Found",
            "Credentials (C2PA)": "Found",
            "Our watermark": "Found",
            "Fingerprint": "Found",
            "Known watermarks": "Not found",
            "Metadata": "Not found",
        }
        tree = page.locator(".tree")
        expect(tree).to_contain_text("Valid, issuer for development only")
        expect(tree).to_contain_text("Generated by a trained model")
        expect(tree).to_contain_text("Created with test-pictures 1")
        expect(page.locator("#outcome")).not_to_contain_text(ABSENCE["en"])
        details = page.locator("details")
        expect(details.get_by_text("640 × 360 pixels")).to_be_hidden()
        details.locator("summary").click()
        expect(details.get_by_text("640 × 360 pixels, 12 pictures a second")).to_be_visible()


def test_a_released_picture_is_recognised(server: Server, browser: Browser, tmp_path: Path) -> None:
    asked = {
        "prompt": "A calm lake at noon",
        "size": "512x512",
        "output_format": "jpeg",
        "model": "test-pictures",
    }
    answer = server.request(
        "POST", "/images/generations", json=asked | {"response_format": "b64_json"}
    ).json()
    path = tmp_path / "lake.jpeg"
    path.write_bytes(base64.b64decode(answer["data"][0]["b64_json"]))
    with watched_page(browser) as page:
        assert check(page, server, path, "?lang=de") == "generated_here"
        expect(page.locator(".tree")).to_contain_text(f"{answer['data'][0]['id']}.jpeg")
        details = page.locator("details")
        details.locator("summary").click()
        expect(details.get_by_text("512 × 512 Pixel")).to_be_visible()
        expect(details).not_to_contain_text("Bilder pro Sekunde")


def test_readers_learn_nothing_that_helps_to_remove_a_mark(
    server: Server, browser: Browser, released: Path
) -> None:
    with released.open("rb") as file:
        full = server.request("POST", "/verifications", files={"file": file}).json()
    figures = {
        str(result["details"][name])
        for result in full["evidence"]
        for name in ("p_value", "median_distance", "payload")
        if name in result["details"]
    }
    bindings = {binding["value"] for binding in full["credentials"]["claims"]["soft_bindings"]}
    assert len(figures) >= 2
    assert len(bindings) == 2
    with watched_page(browser) as page:
        check(page, server, released)
        html = page.locator("#outcome").inner_html()
    assert not [secret for secret in bindings if secret in html]
    assert not [name for name in ("p_value", "median_distance", "fraction_of") if name in html]
    assert not [figure for figure in figures if len(figure) > 3 and figure in html]


def test_a_copy_without_metadata_leads_to_the_release(
    server: Server, browser: Browser, released: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.mp4"
    strip_metadata(released, copy)
    with watched_page(browser) as page:
        assert check(page, server, copy) == "generated_here"
        found = badges(page)
        assert found["Registry of releases"] == found["Credentials (C2PA)"] == "Not found"
        assert found["Our watermark"] == found["Fingerprint"] == "Found"
        expect(page.locator(".verdict")).to_contain_text("our watermark, fingerprint")
        expect(page.locator(".tree")).to_have_count(0)


def test_a_strangers_file_stays_open(server: Server, browser: Browser, stranger: Path) -> None:
    with watched_page(browser) as page:
        assert check(page, server, stranger) == "inconclusive"
        assert set(badges(page).values()) == {"Not found"}
        expect(page.locator(".limits li").first).to_have_text(ABSENCE["en"])


def test_a_text_named_mp4_gets_a_clear_error(server: Server, browser: Browser, text_file: Path) -> None:
    with watched_page(browser) as page:
        assert check(page, server, text_file) == "problem"
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("not a video or picture that we can read")
        expect(alert.locator("code")).to_have_text("media_unreadable")
        expect(page.locator("button[type=submit]")).to_be_enabled()


def test_another_file_can_follow_an_error(
    server: Server, browser: Browser, text_file: Path, stranger: Path
) -> None:
    with watched_page(browser) as page:
        check(page, server, text_file)
        page.set_input_files("#file", stranger)
        page.click("button[type=submit]")
        expect(page.locator("[data-outcome=inconclusive]")).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)


def test_it_works_with_the_keyboard_alone(server: Server, browser: Browser, stranger: Path) -> None:
    with watched_page(browser) as page:
        # From here on, not only from the press on: it takes the browser a moment to keep its own dialogue shut.
        page.on("filechooser", lambda chooser: None)
        page.goto(f"{server.url}/verify?lang=en")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        field = page.locator("#file")
        expect(field).to_be_focused()
        outline = "getComputedStyle(document.querySelector('label[for=file]')).outlineStyle"
        assert page.evaluate(outline) == "solid"
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Enter")
        chooser.value.set_files(stranger)
        expect(page.locator("#chosen")).to_contain_text("Chosen: holiday.mp4")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Check")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("[data-outcome=inconclusive]")).to_be_visible()
        expect(page.get_by_role("heading", level=2)).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.locator("summary")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("details .facts")).to_be_visible()


def test_a_german_browser_gets_german(server: Server, browser: Browser, released: Path) -> None:
    with watched_page(browser, locale="de-DE") as page:
        assert check(page, server, released) == "generated_here"
        expect(page.locator("html")).to_have_attribute("lang", "de")
        expect(page.get_by_role("heading", level=2)).to_have_text(
            "Der Inhalt dieser Datei wurde von diesem Dienst erzeugt und freigegeben."
        )
        expect(page.locator("#outcome")).not_to_contain_text(ABSENCE["de"])
        expect(page.locator(".tree")).to_contain_text("Von einem trainierten Modell erzeugt")
        assert set(badges(page).values()) == {"Gefunden", "Nicht gefunden"}
        page.locator("summary").click()
        expect(page.locator("details")).to_contain_text("Uhr (UTC)")
        page.get_by_role("link", name="English").click()
        expect(page.locator("html")).to_have_attribute("lang", "en")
        expect(page.get_by_role("link", name="English")).to_have_attribute("aria-current", "true")


def test_without_scripts_it_is_a_plain_form(
    server: Server, browser: Browser, released: Path, text_file: Path
) -> None:
    with watched_page(browser, java_script_enabled=False, locale="de-DE") as page:
        assert check(page, server, released) == "generated_here"
        expect(page).to_have_url(f"{server.url}/verify?lang=de#outcome")
        expect(page.get_by_role("heading", level=1)).to_have_text("Woher stammt diese Datei?")
        assert check(page, server, text_file, "?lang=en") == "problem"
        expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_dropped_file_is_taken(server: Server, browser: Browser, text_file: Path) -> None:
    with watched_page(browser) as page:
        page.goto(f"{server.url}/verify?lang=de")
        transfer = page.evaluate_handle(
            """text => {
                const transfer = new DataTransfer();
                transfer.items.add(new File([text], "film.mp4", {type: "video/mp4"}));
                return transfer;
            }""",
            text_file.read_text(),
        )
        page.dispatch_event("#drop", "dragover", {"dataTransfer": transfer})
        expect(page.locator("#drop.over")).to_be_visible()
        page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
        expect(page.locator("#chosen")).to_have_text("Ausgewählt: film.mp4 (680 B)")
        page.get_by_role("button", name="Prüfen").click()
        expect(page.get_by_role("alert").locator("code")).to_have_text("media_unreadable")


def test_a_file_over_the_limit_is_not_even_sent(server: Server, browser: Browser, tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate(33 * 1024 * 1024)
    with watched_page(browser, locale="de-DE") as page:
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.method))
        page.goto(f"{server.url}/verify")
        page.set_input_files("#file", large)
        expect(page.get_by_role("status")).to_contain_text("Die Datei ist größer als 32 MiB.")
        page.click("button[type=submit]")
        page.wait_for_timeout(300)
        assert "POST" not in sent
    with large.open("rb") as file:
        answer = httpx.post(f"{server.url}/verify?lang=de", files={"file": file}, timeout=60)
    assert answer.status_code == 413
    assert "upload_too_large" in answer.text
    assert "Die Datei ist größer als 32 MiB." in answer.text


def test_a_service_that_is_gone_is_reported(server: Server, browser: Browser, stranger: Path) -> None:
    opened = browser.new_context(locale="de-DE")
    try:
        page = opened.new_page()
        page.goto(f"{server.url}/verify")
        page.set_input_files("#file", stranger)
        opened.set_offline(True)
        page.click("button[type=submit]")
        expect(page.get_by_role("status")).to_contain_text("Der Dienst hat nicht geantwortet.")
        expect(page.locator("#progress")).to_be_hidden()
        expect(page.locator("button[type=submit]")).to_be_enabled()
    finally:
        opened.close()


@pytest.mark.parametrize("language", ["en", "de"])
def test_nothing_sticks_out_on_a_small_phone(
    server: Server, browser: Browser, released: Path, language: str
) -> None:
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    with watched_page(browser, viewport={"width": 360, "height": 740}) as page:
        page.goto(f"{server.url}/?lang={language}")
        assert page.evaluate(overflow) == 0
        check(page, server, released, f"?lang={language}")
        page.locator("summary").click()
        assert page.evaluate(overflow) == 0


def test_pages_are_rate_limited_and_say_so(
    tmp_path: Path, browser: Browser, text_file: Path, stranger: Path
) -> None:
    limited = Server(tmp_path / "data", changes={"rate": {"tenant": 0, "anonymous": 1}})
    try:
        with watched_page(browser, locale="de-DE") as page:
            assert check(page, limited, text_file) == "problem"
            assert check(page, limited, stranger) == "problem"
            expect(page.get_by_role("alert")).to_contain_text("Warten Sie eine Minute")
            expect(page.get_by_role("alert").locator("code")).to_have_text("rate_limit_exceeded")
    finally:
        limited.stop()
    requests = [json.loads(line) for line in limited.log.read_text().splitlines() if '"request"' in line]
    assert 429 in [entry["status"] for entry in requests if entry.get("route") == "/verify"]
    assert "holiday" not in limited.log.read_text()
