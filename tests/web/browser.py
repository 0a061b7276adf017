"""A headless Chromium, the dashboard's real server, and pictures of pages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from memmon.context import Context
from tests.support import eventually, free_port

ROOT = Path(__file__).parents[2]
TOKEN = "token-of-the-browser-tests"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PHONE = {"width": 390, "height": 844}

WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (e) => window.violations.push(e.violatedDirective + ' ' + e.blockedURI));
"""


def chromium() -> str | None:
    """Return the path of a Chromium, the environment's MEMMON_CHROMIUM first; None means that there
    is only Playwright's own.
    """
    environ = os.environ.get("MEMMON_CHROMIUM")
    return environ or next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def opened() -> Iterator[Browser]:
    """A headless Chromium; without one the tests are skipped, or fail when MEMMON_TEST_STRICT=1."""
    with sync_playwright() as playwright:
        path = chromium() or playwright.chromium.executable_path
        if not Path(path).exists():
            reason = "no Chromium: install one, name it in MEMMON_CHROMIUM, or run `playwright install chromium`"
            if os.environ.get("MEMMON_TEST_STRICT") == "1":
                pytest.fail(reason)
            pytest.skip(reason)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """One reader: pages share cookies, and what the browser complained about is kept."""

    def __init__(
        self, browser: Browser, width: int = 1440, height: int = 1000, dark: bool = False, scripts: bool = True
    ):
        self.complaints: list[str] = []
        self.context: BrowserContext = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(10_000)
        if scripts:
            self.context.add_init_script(WATCH)
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda output: self._heard(output.type, output.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    def go(self, url: str) -> Page:
        """Open a page and wait until it is there."""
        self.page.goto(url, wait_until="load")
        return self.page

    def sign_in(self, url: str, token: str = TOKEN) -> None:
        """Sign in by the form."""
        self.go(f"{url}/login")
        self.page.fill("#token", token)
        self.page.click("button[type=submit]")
        self.page.wait_for_url("**/dashboard")

    def violations(self) -> list[str]:
        """Return what the policy of the page's content forbade."""
        actual: list[str] = self.page.evaluate("window.violations")
        return actual

    def overflows(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        wider: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return wider

    def close(self) -> None:
        self.context.close()


class Site:
    """The dashboard on gunicorn, as `memmon up` runs it, over the database and the Redis of
    `ctx`.
    """

    def __init__(self, ctx: Context):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = ctx.settings.home / "site.log"
        self._environ: dict[str, str] = {
            "PATH": os.environ["PATH"],
            "HOME": str(ctx.settings.home),
            "PYTHONPATH": str(ROOT),
            "MEMMON_HOME": str(ctx.settings.home),
            "MEMMON_REDIS_URL": ctx.settings.redis_address,
            "MEMMON_DATABASE_URL": ctx.settings.database_address,
            "MEMMON_INSTANCE": ctx.settings.instance,
            "MEMMON_API_TOKEN": TOKEN,
            "MEMMIMIC_DASHBOARD_PORT": str(self.port),
            "MEMMIMIC_METRICS_COLLECTION_INTERVAL": f"{ctx.settings.metrics_collection_interval:g}",
            "MEMMIMIC_HEALTH_CHECK_INTERVAL": f"{ctx.settings.health_check_interval:g}",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Site:
        """Start it and wait until it answers."""
        words = [sys.executable, "-m", "gunicorn", "-k", "gevent", "-w", "1", "-b", f"127.0.0.1:{self.port}"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*words, "--graceful-timeout", "1", "web:create_app()"],
                env=self._environ,
                cwd=self._log.parent,
                stdout=log,
                stderr=log,
            )
        eventually(self._answers, within=30)
        return self

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self) -> None:
        """Stop it; its connections end with it."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)


def settled(page: Page) -> None:
    """Wait until a live page is connected and its charts are drawn."""
    page.wait_for_selector("#live[data-state=live]")
    if page.query_selector("#plots"):
        page.wait_for_selector("#plots .plot:last-child .uplot", state="attached")


def picture(page_url: str, path: Path, dark: bool = False, width: int = 1440, height: int | None = None) -> None:
    """Write a picture of a running page to `path`: the whole page, or its first `height` pixels."""
    with opened() as browser:
        shoot(browser, page_url, path, dark, width, height)


def shoot(
    browser: Browser, page_url: str, path: Path, dark: bool = False, width: int = 1440, height: int | None = None
) -> None:
    """Do the same with a browser that is open already."""
    visit = Visit(browser, width, height or 1000, dark)
    page = visit.go(page_url)
    if page.query_selector("#live"):
        settled(page)
    page.screenshot(path=str(path), full_page=height is None)
    visit.close()
