"""`make screenshots`: pictures of a running `make demo`, for the README and for looking at every page at once.

Signs in with the first account of this checkout. `--url` names another address than PORT's, `--only` some pages.
Every page is taken wide and light, and narrow and dark; those that the README shows in the other scheme too.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import TimeoutError as TookTooLong

from demo.company import PROJECT, token_file_of
from demo.running import HARMFUL
from migrator.local.addresses import CHECKOUT, state_dir

FOLDER: Final = CHECKOUT / "docs" / "screenshots"
Theme = Literal["light", "dark"]
Look = tuple[int, Theme]
"""Width in pixels, and the colour scheme."""
WIDE: Final[Look] = (1440, "light")
PHONE: Final[Look] = (390, "dark")
OTHER_WIDE: Final[Look] = (1440, "dark")
OTHER_PHONE: Final[Look] = (390, "light")
HEIGHTS: Final = {1440: 900, 390: 844}
Place = Callable[[Page], str]
"""Finds a page's address, given one that is signed in."""
SETTLED_MS: Final = 4_000
"""How long a page may take to draw its charts."""
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")


def at(path: str) -> Place:
    return lambda _page: f"/p/{PROJECT}/{path}"


def anywhere(path: str) -> Place:
    return lambda _page: path


def first_link(listed: str, link: str) -> Place:
    """The first link on a page of the project whose address contains `link`."""

    def find(page: Page) -> str:
        page.goto(f"/p/{PROJECT}/{listed}")
        return page.locator(f"main a[href*='/p/{PROJECT}/{link}']").first.get_attribute("href") or "/"

    return find


def of_unit(query: str, part: str = "") -> Place:
    """The first unit that a query of the inventory finds, or a part of its pages."""
    found = first_link(f"inventory?search={quote(query)}", "units/")
    return lambda page: found(page) + part


THE_HARMFUL: Final = HARMFUL.partition(" ")[2]
"""The unit that answers its callers wrongly."""


def shared(_page: Page) -> str:
    """The page of the link that the seed left."""
    return f"/share/{(token_file_of(PROJECT).parent / f'share-{PROJECT}').read_text()}"


PAGES: Final[dict[str, Place]] = {
    "home": anywhere("/"),
    "overview": at(""),
    "unit": of_unit(THE_HARMFUL),
    "unit-policy": of_unit(THE_HARMFUL, "/policy"),
    "unit-settings": of_unit("irreversible:yes", "/settings"),
    "rollback": of_unit(THE_HARMFUL, "/rollback"),
    "rollback-irreversible": of_unit("irreversible:yes", "/rollback"),
    "inventory": at("inventory?search=users"),
    "mismatches": at("mismatches"),
    "group": first_link("mismatches", "mismatches/"),
    "rules": at("rules"),
    "ramps": at("ramps"),
    "ramp-new": at("ramps/new"),
    "approvals": at("approvals"),
    "freezes": at("freezes"),
    "policies": at("policies"),
    "policy-layer": first_link("policies", "policies/"),
    "burndown": at("burndown"),
    "plan": at("plan"),
    "what-if": at("plan?people=2&giver=Identity&taker=Reading"),
    "ledger": at("ledger"),
    "removal": at("removal"),
    "removal-unit": first_link("removal", "removal/"),
    "notifications": at("notifications"),
    "data-planes": at("data-planes"),
    "settings": at("settings/project"),
    "people": at("settings/people"),
    "tokens": at("settings/tokens"),
    "sharing": at("settings/sharing"),
    "welcome": at("welcome"),
    "account": anywhere("/account"),
    "oncall": at("oncall"),
    "oncall-everywhere": anywhere("/oncall"),
    "share": shared,
}
IN_ALL_LOOKS: Final = ("overview", "unit", "burndown", "oncall")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.screenshots", description="Pictures of a running demo.")
    parser.add_argument("--url", default=f"http://127.0.0.1:{os.environ.get('PORT') or 8000}")
    parser.add_argument("--only", nargs="*", choices=PAGES, default=list(PAGES), help="these pages")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    if binary is None:
        print("No Chromium here: make setup-system, as root, installs it.", file=sys.stderr)  # noqa: T201
        return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    failed = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=binary, args=["--no-sandbox", "--disable-dev-shm-usage"])
        for look in (WIDE, PHONE, OTHER_WIDE, OTHER_PHONE):
            wanted = [name for name in options.only if look in (WIDE, PHONE) or name in IN_ALL_LOOKS]
            failed += photograph(browser, url=options.url, look=look, names=wanted, folder=options.folder)
        browser.close()
    for failure in failed:
        print(failure, file=sys.stderr)  # noqa: T201
    return 1 if failed else 0


def photograph(browser: Browser, *, url: str, look: Look, names: Collection[str], folder: Path) -> list[str]:
    """These pages in one size and scheme. Returns what could not be taken, and why."""
    width, theme = look
    viewport = {"width": width, "height": HEIGHTS[width]}
    context = browser.new_context(base_url=url, viewport=viewport, color_scheme=theme)  # type: ignore[arg-type]
    page, failed = context.new_page(), []
    sign_in(page)
    for name in names:
        answer = page.goto(PAGES[name](page))
        with suppress(TookTooLong):  # pages that keep asking for news are never idle
            page.wait_for_load_state("networkidle", timeout=SETTLED_MS)
        if answer is None or not answer.ok:
            failed.append(f"{name}: {answer.status if answer else 'no'} answer")
            continue
        page.screenshot(path=folder / f"{name}-{width}-{theme}.png", animations="disabled")
    context.close()
    return failed


def sign_in(page: Page) -> None:
    name, password = (state_dir() / "first-account").read_text().split()
    page.goto("/sign-in")
    page.fill("[name=username]", name)
    page.fill("[name=password]", password)
    page.press("[name=password]", "Enter")
    page.wait_for_load_state()


if __name__ == "__main__":
    sys.exit(main())
