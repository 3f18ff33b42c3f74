"""The one address. Data planes are answered here; everything else goes on to Django in its own processes.

`/livez` says only that this process answers.
"""

import asyncio
import os
import signal
from contextlib import suppress
from types import FrameType
from typing import Any, Final

import django
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "migrator.settings")
django.setup()

from migrator.dataplane.forward import Forwarder  # noqa: E402 - models need Django to be set up
from migrator.dataplane.views import create_app  # noqa: E402
from migrator.local import addresses  # noqa: E402

FOR_DATA_PLANES: Final = ("/dataplane/", "/ofrep/")
HANGING_UP: Final = 1001
"""WebSocket close code: nobody here speaks it."""


class Front:
    """Sends each request to whoever answers it."""

    def __init__(self, *, web_url: str) -> None:
        self.data_planes = create_app()
        self.web: ASGIApp = Forwarder(web_url)
        self.alive: ASGIApp = PlainTextResponse("ok\n")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self._let_go_on_signal()
            await self.data_planes(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": HANGING_UP})
        elif scope["path"] == "/livez":
            await self.alive(scope, receive, send)
        elif scope["path"].startswith(FOR_DATA_PLANES):
            await self.data_planes(scope, receive, send)
        else:
            await self.web(scope, receive, send)

    def _let_go_on_signal(self) -> None:
        """When the server is told to stop, waiting polls end at once, so that it need not wait for them."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(ValueError):  # not the main thread: whoever runs us there stops us otherwise
                before: Any = signal.getsignal(number)
                signal.signal(number, self._stopper(loop, before))

    def _stopper(self, loop: asyncio.AbstractEventLoop, before: Any) -> Any:
        def stop(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.data_planes.state.server.tables.let_go)
            if callable(before):
                before(number, frame)

        return stop


application = Front(web_url=os.environ.get("WEB_UPSTREAM") or f"unix:{addresses.runtime_dir() / 'web.sock'}")
