"""`make screenshots`: pictures of a running `make demo`, for the README and for looking at every page at once.

Signs in with the first account of this checkout. `--url` names another address than PORT's.
"""

import argparse
import os
import shutil
import sys
from typing import Final, Literal

from playwright.sync_api import Browser, Page, sync_playwright

from demo.company import PROJECT
from migrator.local.addresses import CHECKOUT, state_dir

FOLDER: Final = CHECKOUT / "docs" / "screenshots"
PAGES: Final = {
    "home": "/",
    "inventory": f"/p/{PROJECT}/inventory",
    "burndown": f"/p/{PROJECT}/burndown",
    "oncall": f"/p/{PROJECT}/oncall",
    "data-planes": f"/p/{PROJECT}/data-planes",
    "ledger": f"/p/{PROJECT}/ledger",
}
SHOWN_UNIT: Final = "GET /users/{id}/profile"
"""A unit with a planted fault: its page has something to say."""
SIZES: Final = {"1440": (1440, 900), "390": (390, 844)}
THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.screenshots", description="Pictures of a running demo.")
    parser.add_argument("--url", default=f"http://127.0.0.1:{os.environ.get('PORT') or 8000}")
    url = parser.parse_args().url
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    if binary is None:
        print("No Chromium here: make setup-system, as root, installs it.", file=sys.stderr)  # noqa: T201
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=binary, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for size in SIZES:
            for theme in THEMES:
                photograph(browser, url=url, size=size, theme=theme)
        browser.close()
    return 0


def photograph(browser: Browser, *, url: str, size: str, theme: Literal["light", "dark"]) -> None:
    """Every page once, in one size and theme."""
    width, height = SIZES[size]
    context = browser.new_context(base_url=url, viewport={"width": width, "height": height}, color_scheme=theme)
    page = context.new_page()
    sign_in(page)
    for name, path in {**PAGES, "unit": path_of_unit(page)}.items():
        page.goto(path, wait_until="networkidle")
        page.screenshot(path=FOLDER / f"{name}-{size}-{theme}.png")
    context.close()


def sign_in(page: Page) -> None:
    name, password = (state_dir() / "first-account").read_text().split()
    page.goto("/sign-in")
    page.fill("[name=username]", name)
    page.fill("[name=password]", password)
    page.press("[name=password]", "Enter")
    page.wait_for_load_state()


def path_of_unit(page: Page) -> str:
    page.goto(f"/p/{PROJECT}/inventory?search={SHOWN_UNIT.partition(' ')[2]}")
    found = page.locator(f"a[href*='/p/{PROJECT}/units/']").first.get_attribute("href")
    return found or PAGES["inventory"]


if __name__ == "__main__":
    sys.exit(main())
