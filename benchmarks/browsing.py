"""A browser that says when a Streamlit page is complete: by the page's own clock, from a click, a key or the navigation on."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CHROMIUM = "/usr/bin/chromium"
_PATIENCE = 30_000

_BEGIN = """
window.__begun = 0;  // of a fresh document, its navigation
window.__runs = 0;
for (const kind of ['click', 'keydown'])
  addEventListener(kind, () => {
    window.__begun = performance.now();
    // a live part may run at this moment, and what follows it is no change of the state
    window.__runs = document.querySelector('[data-test-script-state="running"]') ? 1 : 0;
  }, true);
new MutationObserver(records => {
  for (const record of records)
    if (record.attributeName === 'data-test-script-state' && record.target.dataset.testScriptState === 'running')
      window.__runs += 1;
}).observe(document, {subtree: true, attributes: true, attributeFilter: ['data-test-script-state']});
window.__changed = 0;  // when anything last came or went
new MutationObserver(() => { window.__changed = performance.now(); }).observe(document, {subtree: true, childList: true});
"""

# A script of a few milliseconds may begin and end between two frames, so that it is never seen to run: after a second without
# one, the last change of the page is taken for its end.
#
# Complete: the script is not running, no skeleton and nothing stale is left, tables have their canvas and charts their
# picture; and all of it stays so for a while, which is not counted.
_WAIT = """
([place, ran, patience]) => new Promise((resolve, reject) => {
  const all = what => [...document.querySelectorAll(`[data-testid="${what}"]`)];
  const seen = what => all(what).filter(one => !one.closest('details:not([open])') && one.offsetHeight);
  const complete = () => {
    const app = all('stApp')[0];
    const unseen = window.__runs < ran && performance.now() - window.__begun > 1000 && window.__changed > window.__begun;
    return app && app.dataset.testScriptState === 'notRunning' && all('stMain').length && (window.__runs >= ran || unseen)
      && location.pathname.endsWith(place) && all('stMarkdown').length + all('stDataFrame').length
      && !all('stSkeleton').length && !document.querySelector('[data-stale="true"]')
      && seen('stDataFrame').every(one => one.querySelector('canvas'))
      && seen('stVegaLiteChart').every(one => one.querySelector('canvas, svg'));
  };
  let first = null;
  const look = () => {
    const now = performance.now();
    first = complete() ? first ?? now : null;
    const end = window.__runs < ran ? window.__changed : first;
    if (first !== null && now - first > 250) resolve((end - window.__begun) / 1000);
    else if (now - window.__begun > patience) reject(new Error(`${location.pathname} is not complete`));
    else requestAnimationFrame(look);
  };
  look();
})
"""


@contextmanager
def browser() -> Iterator[Any]:
    """A fresh headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield opened
        finally:
            opened.close()


class Reader:
    """Somebody with a window of 1280 by 900 pixels and an empty cache.

    Args:
        opened: A browser.
        url: Of the server.
    """

    def __init__(self, opened: Any, url: str) -> None:
        self.url = url
        self.context = opened.new_context(viewport={"width": 1280, "height": 900})
        self.page = self.context.new_page()
        self.page.set_default_timeout(_PATIENCE)
        self.page.add_init_script(_BEGIN)
        self.complaints: list[str] = []
        self.page.on("console", lambda told: self.complaints.append(told.text) if told.type == "error" else None)

    def open(self, place: str = "") -> float:
        """Go to an address, and return the seconds until it is complete."""
        self.page.goto(f"{self.url}/{place}", wait_until="commit")
        return self.wait(place.partition("?")[0], ran=0)

    def turn(self, title: str, place: str) -> float:
        """Click the title of a page above, and return the seconds until it is complete."""
        self.page.locator('[data-testid="stTopNavLink"]').filter(has_text=title).first.click()
        return self.wait(place)

    def choose(self, label: str, text: str) -> float:
        """Choose an option that a text leads to, and return the seconds until the page is complete."""
        self.page.locator('[data-testid="stSelectbox"]').filter(has_text=label).locator("input").first.click()
        self.page.keyboard.type(text)
        self.page.locator('[data-testid="stSelectboxVirtualDropdown"] [role="option"]').first.wait_for()
        self.page.keyboard.press("Enter")
        return self.wait("")

    def filter(self, label: str, text: str) -> float:
        """Write into a field, and return the seconds from the Enter key until the page is complete."""
        field = self.page.locator('[data-testid="stTextInput"]').filter(has_text=label).locator("input").first
        field.fill(text)
        field.press("Enter")
        return self.wait("")

    def wait(self, place: str, ran: int = 1) -> float:
        """Wait until the page is complete, and return the seconds since the last click or key."""
        return float(self.page.evaluate(_WAIT, [place, ran, _PATIENCE]))

    def close(self) -> None:
        """Close the window."""
        self.context.close()


def listens(url: str, patience: float = 120.0) -> float:
    """Wait for a server, and return the time at which it answered.

    Raises:
        TimeoutError: It never did.
    """
    end = time.perf_counter() + patience
    while time.perf_counter() < end:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                return time.perf_counter()
        except OSError:
            time.sleep(0.01)
    raise TimeoutError(f"{url} does not answer")
