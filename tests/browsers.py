"""A real browser in front of a real server, for tests that click."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import make_server

from tests.tools import chromium

ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")
FAKE_CAMERA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")


@contextmanager
def launched(*arguments: str) -> Iterator[Browser]:
    """Run a headless Chromium for the length of the block.

    Args:
        arguments: further command-line switches, such as those of a fake camera.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=[*ARGUMENTS, *arguments]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an application on a free port of this machine; gives its address.

    The address says `localhost`: browsers hand out the camera there without HTTPS.
    """
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
