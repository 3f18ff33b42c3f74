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
Theme = Literal["light", "dark"]
WIDE: Final = ("1440", "light")
PHONE: Final = ("390", "dark")
SIZES: Final = {"1440": (1440, 900), "390": (390, 844)}
UNIT: Final = "unit"
"""Not a path: the page of SHOWN_UNIT, whose number is looked up."""
SHOWN_UNIT: Final = "GET /users/{id}/profile"
"""A unit with a planted fault: its page has something to say."""
SHOTS: Final[tuple[tuple[str, str, tuple[str, Theme]], ...]] = (
    ("unit", UNIT, WIDE),
    ("overview", f"/p/{PROJECT}/", WIDE),
    ("inventory", f"/p/{PROJECT}/inventory?search=users", WIDE),
    ("mismatches", f"/p/{PROJECT}/mismatches", WIDE),
    ("burndown", f"/p/{PROJECT}/burndown", WIDE),
    ("ledger", f"/p/{PROJECT}/ledger", WIDE),
    ("unit", UNIT, PHONE),
    ("overview", f"/p/{PROJECT}/", PHONE),
    ("oncall", f"/p/{PROJECT}/oncall", PHONE),
)
"""Name, path, and size with theme. Each is one picture of a few dozen kilobytes."""
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
        for look in (WIDE, PHONE):
            photograph(browser, url=url, look=look)
        browser.close()
    return 0


def photograph(browser: Browser, *, url: str, look: tuple[str, Theme]) -> None:
    """Every page that is shown in this size and theme."""
    size, theme = look
    width, height = SIZES[size]
    context = browser.new_context(base_url=url, viewport={"width": width, "height": height}, color_scheme=theme)
    page = context.new_page()
    sign_in(page)
    for name, path, wanted in SHOTS:
        if wanted == look:
            page.goto(path_of_unit(page) if path is UNIT else path, wait_until="networkidle")
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
    return page.locator(f"a.open[href*='/p/{PROJECT}/units/']").first.get_attribute("href") or "/"


if __name__ == "__main__":
    sys.exit(main())
