"""Pages that come in one answer: their style and signs stand in the HTML, and it travels compressed.

On call is read over bad lines, where each further request is one more that may not come through. Scripts come after,
and are not waited for.
"""

import re
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Concatenate, Final, ParamSpec
from urllib.parse import quote

from csp.constants import NONCE
from csp.decorators import csp_update
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.gzip import gzip_page

from dashboards.middleware import hold_numbers

P = ParamSpec("P")
FOLDER: Final = Path(__file__).parent / "static" / "dashboards"
PAGES: Final = "@layer pages {"
MINE: Final = ".oncall"
"""Of the rules for single pages, only the block with this one is taken along."""


def in_one_answer(
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Marks a view's requests, so that whatever it renders stands alone. What is raised is answered as usual."""

    @wraps(view)
    def answered(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        request.in_one_answer = True  # type: ignore[attr-defined]
        try:
            answer = view(request, *args, **kwargs)
        except Exception:
            request.in_one_answer = False  # type: ignore[attr-defined]
            raise
        hold_numbers(answer)  # what is compressed below, nobody rewrites any more
        return answer

    styled: Callable[..., HttpResponseBase] = csp_update({"style-src": [NONCE]})(answered)
    return gzip_page(styled)


@cache
def style() -> SafeString:
    """The stylesheet without the rules of other pages, without comments and spare space."""
    blocks = re.split(r"(?<=^})\n", (FOLDER / "app.css").read_text(), flags=re.MULTILINE)
    css = "".join(block for block in blocks if PAGES not in block or MINE in block)
    css = re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL))
    return mark_safe(re.sub(r" ?([{};,]) ?", r"\1", css))  # noqa: S308 - a file of ours


@cache
def signs() -> SafeString:
    """The sprite of signs. Their ids are prefixed: they share the page with others."""
    sprite = (FOLDER / "icons.svg").read_text().replace('<symbol id="', '<symbol id="sign-')
    return mark_safe(re.sub(r">\s+<", "><", sprite).replace("<svg ", "<svg hidden "))  # noqa: S308 - a file of ours


@cache
def mark() -> str:
    """The mark in the browser's tab, as an address that holds it."""
    return f"data:image/svg+xml,{quote((FOLDER / 'favicon.svg').read_text())}"
