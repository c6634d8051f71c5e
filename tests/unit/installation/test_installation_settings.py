"""Settings: arguments over environment over file, and errors that name the entry but never its value."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator import GeneratorError
from guard.backends import offer_of
from guard.installation import open_installation
from guard.settings import DiffusersBackend, EmbeddedBackend, SettingsError, load_settings

BACKEND = "generators: [{backend: diffusers, model: big, path: /models/big, licence: Apache-2.0"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GUARD_CONFIG", raising=False)


def test_without_anything_set_it_is_local_and_private() -> None:
    settings = load_settings()
    assert settings.host == "127.0.0.1"
    assert settings.data == Path(".guard")
    assert settings.database_url is None
    assert settings.generators == (EmbeddedBackend(),)
    assert settings.training_mining == "notAllowed"


def test_arguments_count_more_than_the_environment_and_that_more_than_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "guard.yaml").write_text("port: 1111\nhost: 127.0.0.9\nmark: {preset: invisible}\n")
    assert load_settings().port == 1111
    monkeypatch.setenv("GUARD_PORT", "2222")
    monkeypatch.setenv("GUARD_MARK__PRESET", "strong")
    found = load_settings(host="::1")
    assert (found.port, found.host, found.mark.preset) == (2222, "::1", "strong")


def test_the_file_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(
        "generators:\n"
        "  - {backend: diffusers, model: big, path: /models/big, licence: Apache-2.0, sizes: ['832x480']}\n"
    )
    monkeypatch.setenv("GUARD_CONFIG", str(path))
    (backend,) = load_settings().generators
    assert isinstance(backend, DiffusersBackend)
    assert backend.sizes == ("832x480",)


def test_a_model_of_diffusers_is_set_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "guard.yaml").write_text(
        f"{BACKEND}, revision: abc, pipeline: WanPipeline, digest: 'sha256:{'0' * 64}', seconds: [5], fps: 16,\n"
        "  size_multiple: 32, frame_multiple: 4, max_frames: 81, device: cuda:1, offload: model, vae_tiling: true,\n"
        "  dtype: {default: bfloat16, vae: float32}, steps: 40, guidance: 4.0, arguments: {guidance_scale_2: 3.0}}]\n"
    )
    (backend,) = load_settings().generators
    assert isinstance(backend, DiffusersBackend)
    offer = offer_of(backend)
    assert (offer.seconds, offer.model_frames(5), offer.canvas(1280, 720)) == ((5,), 81, (1280, 736))
    assert backend.dtype == {"default": "bfloat16", "vae": "float32"}


def test_the_example_of_the_documentation_is_accepted(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "models.md").read_text("utf-8")
    (tmp_path / "guard.yaml").write_text(page.split("```yaml\n")[1].split("```")[0], "utf-8")
    settings = load_settings()
    offers = [offer_of(backend) for backend in settings.generators if isinstance(backend, DiffusersBackend)]
    assert [offer.model_frames(5) for offer in offers] == [121]
    assert settings.model_aliases == {"sora-2": "wan-2.2"}


def test_a_length_that_the_model_cannot_make_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "guard.yaml").write_text(f"{BACKEND}, seconds: [8], fps: 16, max_frames: 81}}]\n")
    with pytest.raises(GeneratorError) as error:
        open_installation(load_settings(data=tmp_path / "data"))
    assert error.value.code == "backend_invalid"
    assert "max_frames 81" in str(error.value)


def test_a_file_that_is_named_and_missing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUARD_CONFIG", str(tmp_path / "none.yaml"))
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert error.value.code == "settings_unreadable"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("prot: 80\n", "prot"),
        ("port: 99999\n", "port"),
        ("uploads: {max_bytes: 0}\n", "uploads.max_bytes"),
        ("encoder: {name: theora}\n", "encoder.name"),
        ("generators: [{backend: diffusers, model: x, path: y}]\n", "licence"),
        ("generators: [{backend: none}]\n", "generators"),
        ("generators: []\n", "there must be one at least"),
        ("generators: [{backend: embedded}, {backend: embedded}]\n", "a model name of its own"),
        (f"{BACKEND}, dtype: int8}}]\n", "dtype"),
        (f"{BACKEND}, offload: disk}}]\n", "offload"),
        (f"{BACKEND}, digest: 'sha256:12'}}]\n", "digest"),
        (f"{BACKEND}, seconds: [0]}}]\n", "seconds"),
    ],
)
def test_an_unusable_entry_is_named(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "guard.yaml").write_text(text)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert error.value.code == "settings_invalid"
    assert named in str(error.value)


def test_a_file_that_is_no_yaml_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "guard.yaml").write_text("data: [unclosed\nsecret: hunter2-hunter2")
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert error.value.code == "settings_unreadable"
    assert "hunter2" not in str(error.value)


def test_secrets_stay_out_of_errors_and_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUARD_DATABASE_URL", "postgresql+psycopg://guard:hunter2@db/guard")
    assert "hunter2" not in f"{load_settings()!r} {load_settings()}"
    monkeypatch.setenv("GUARD_UPLOADS__MAX_BYTES", "hunter2")
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert "hunter2" not in str(error.value)
