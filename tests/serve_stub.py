"""The real service with one part replaced: clips come from `PictureGenerator`, so that a test takes seconds.

python -m tests.serve_stub DATA_FOLDER PORT
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import uvicorn

from guard.app import create_app
from guard.bootstrap import first_key
from guard.installation import Installation, open_installation
from guard.settings import EncoderSettings, RateLimits, ReviewSettings, Settings, UploadLimits
from tests.policy import write_policy
from tests.stub_generator import PictureGenerator

MODEL = "test-pictures"


def stub_settings(data: Path, **changes: object) -> Settings:
    """Settings for tests: fast encoding, no limits in the way."""
    values: dict[str, object] = {
        "data": data,
        "policy": write_policy(data.parent / "test-policy.yaml"),
        "model_aliases": dict.fromkeys(("sora-2", "gpt-image-1", MODEL), "guard-scenes-1"),
        "encoder": EncoderSettings(preset="veryfast"),
        "rate": RateLimits(tenant=0, anonymous=0, tenant_files=0, anonymous_files=0),
        "review": ReviewSettings(),
        "uploads": UploadLimits(max_bytes=32 * 1024 * 1024),
    }
    return Settings(**(values | changes))  # type: ignore[arg-type]


def open_stubbed(settings: Settings) -> Installation:
    """An installation that generates with `PictureGenerator`."""
    installation = open_installation(settings)
    services = dataclasses.replace(installation.services, generators={"guard-scenes-1": PictureGenerator})
    return dataclasses.replace(installation, services=services)


def open_with_key(settings: Settings) -> Installation:
    """As `open_stubbed`; the first API key is printed as the first line, as JSON."""
    installation = open_stubbed(settings)
    if (key := first_key(installation)) is not None:
        print(json.dumps({"api_key": key}), flush=True)
    return installation


def main() -> None:
    """Serve until killed."""
    data, port = Path(sys.argv[1]), int(sys.argv[2])
    changes = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    settings = stub_settings(data, **changes)
    uvicorn.run(
        create_app(settings, opener=open_with_key),
        host="127.0.0.1",
        port=port,
        log_config=None,
        access_log=False,
    )


if __name__ == "__main__":
    main()
