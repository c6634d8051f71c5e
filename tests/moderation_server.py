"""A small server that answers `POST /v1/moderations` as OpenAI's API does, for tests of those who ask it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from policies.judges.endpoint import WIRE


class ModerationServer(ThreadingHTTPServer):
    """Scores a text by its words.

    Attributes:
        by_word: wire category and score that a word stands for; a score of 0.5 or more is flagged.
        delay: seconds before each answer.
        asked: texts, in the order in which they came.
    """

    daemon_threads = True

    def __init__(self, by_word: dict[str, tuple[str, float]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.by_word = by_word
        self.delay = 0.0
        self.asked: list[str] = []

    @property
    def base_url(self) -> str:
        """Up to and including the version."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def answer(self, text: str) -> dict[str, Any]:
        """The wire's answer to one text."""
        scores = dict.fromkeys(WIRE, 0.0)
        for word, (category, score) in self.by_word.items():
            if word in text:
                scores[category] = score
        flags = {name: score >= 0.5 for name, score in scores.items()}
        result = {"flagged": any(flags.values()), "categories": flags, "category_scores": scores}
        return {"id": "modr-1", "model": "by-word", "results": [result]}


class _Handler(BaseHTTPRequestHandler):
    server: ModerationServer

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(asked["input"])
        time.sleep(self.server.delay)
        body = json.dumps(self.server.answer(asked["input"])).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def moderation_server(by_word: dict[str, tuple[str, float]]) -> Iterator[ModerationServer]:
    """A running one."""
    server = ModerationServer(by_word)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
