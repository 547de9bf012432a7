"""Chromium without a window, for tests of pages and pictures of them; and the part of its DevTools protocol that these need.

Chromium is the one of an npm package that is made for machines without a desktop: it brings the libraries that it needs, so
nothing is installed on the machine and no root is needed. So do the fonts, which makes pictures look the same everywhere.
"""

from __future__ import annotations

import asyncio
import base64
import json
import platform
import re
import tarfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from . import cache, npm, progress
from .errors import DevStackError
from .part import Part
from .process import Process, complete
from .workdir import WorkDir

_START_TIMEOUT = 60
_UNPACK_TIMEOUT = 300
_ANSWER_TIMEOUT = 60.0
"""Seconds that a page may take on a busy machine."""

_UNPACK = """
const fs = require('fs'), zlib = require('zlib'), { pipeline } = require('stream/promises');
const [from, to] = process.argv.slice(1);
pipeline(fs.createReadStream(from), zlib.createBrotliDecompress(), fs.createWriteStream(to))
  .catch((error) => { console.error(String(error)); process.exit(1); });
"""
"""Python has no Brotli, and node, which is there for npm, does."""

_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{fonts}</dir>
  <cachedir>{cache}</cachedir>
  <alias><family>sans-serif</family><prefer><family>Open Sans</family><family>DejaVu Sans</family></prefer></alias>
  <alias><family>system-ui</family><prefer><family>Open Sans</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""

_ARGUMENTS = (
    "--headless",
    # it runs as root in containers, and opens nothing but pages of the tests
    "--no-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--font-render-hinting=none",
    "--remote-debugging-port=0",
)

_LISTENS = re.compile(rb"DevTools listening on (ws://\S+)")


def exists() -> bool:
    """Whether there is a Chromium for this kind of machine."""
    return platform.system() == "Linux" and platform.machine() == "x86_64"


def prepare() -> Path:
    """The folder with Chromium, its libraries and fonts; brings them into the cache if they aren't there."""
    if not exists():
        raise DevStackError(
            f"There is no Chromium for {platform.system()} on {platform.machine()} here, only for Linux on x86_64."
        )
    modules = npm.packages("browser")
    return cache.make_once(cache.folder("browser", modules.parent.name), lambda made: _unpack(modules, made))


def _unpack(modules: Path, made: Path) -> None:
    packed = modules / "@sparticuz" / "chromium" / "bin"
    with progress.task("unpacking Chromium"):
        _decompress(packed / "chromium.br", made / "chromium")
        (made / "chromium").chmod(0o755)
        for name in ("al2023", "swiftshader", "fonts"):
            file = made / f"{name}.tar"
            _decompress(packed / f"{name}.tar.br", file)
            with tarfile.open(file) as files:
                files.extractall(made, filter="data")
            file.unlink()
        for file in (modules / "dejavu-fonts-ttf" / "ttf").glob("DejaVuSans*.ttf"):
            (made / "fonts" / file.name).write_bytes(file.read_bytes())


def _decompress(packed: Path, file: Path) -> None:
    complete(f"unpacking {packed.name}", [npm.find_node(), "-e", _UNPACK, packed, file], _UNPACK_TIMEOUT)


class Browser(Part):
    """A running Chromium, without a page yet."""

    def __init__(self) -> None:
        self._work: WorkDir | None = None
        self._process: Process | None = None
        self.address = ""
        """Of its DevTools."""

    def start(self) -> None:
        """Start it and wait until it can be told what to do."""
        folder = prepare()
        self._work = WorkDir("browser")
        work = self._work.path
        (work / "fonts.conf").write_text(_FONTS.format(fonts=folder / "fonts", cache=work / "fonts-cache"))
        log = work / "browser.log"
        self._process = Process(
            "Chromium",
            [folder / "chromium", *_ARGUMENTS, f"--user-data-dir={work / 'profile'}", "about:blank"],
            log,
            environment={
                "LD_LIBRARY_PATH": str(folder / "lib"),
                "FONTCONFIG_FILE": str(work / "fonts.conf"),
                "HOME": str(work),
                "TZ": "UTC",
                "LANG": "C.UTF-8",
            },
        )
        try:
            with progress.task("starting Chromium"):
                self._process.start()
                self._process.wait_until(lambda: _LISTENS.search(log.read_bytes()) is not None, _START_TIMEOUT)
        except BaseException:
            self.stop()
            raise
        found = _LISTENS.search(log.read_bytes())
        assert found is not None  # noqa: S101 -- waited for
        self.address = found[1].decode()

    def stop(self) -> None:
        """End it and forget all that it kept."""
        if self._process is not None:
            self._process.kill()
            self._process = None
        if self._work is not None:
            self._work.remove()
            self._work = None

    @asynccontextmanager
    async def tab(self) -> AsyncIterator[Tab]:
        """An empty page with cookies of its own, closed at the end."""
        async with aiohttp.ClientSession() as session, session.ws_connect(self.address, max_msg_size=0) as socket:
            wire = _Wire(socket)
            listener = asyncio.create_task(wire.listen())
            try:
                context = (await wire.ask("Target.createBrowserContext"))["browserContextId"]
                target = await wire.ask("Target.createTarget", url="about:blank", browserContextId=context)
                attached = await wire.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
                tab = Tab(wire, attached["sessionId"])
                await tab.begin()
                yield tab
                await wire.ask("Target.disposeBrowserContext", browserContextId=context)
            finally:
                listener.cancel()


class _Wire:
    """Questions to Chromium and their answers; events go to who listens."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._open: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.events: list[Callable[[str, dict[str, Any]], None]] = []

    async def listen(self) -> None:
        """Hand out what comes, until the connection ends."""
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" not in said:
                for told in self.events:
                    told(said["method"], said.get("params", {}))
            elif (asked := self._open.pop(said["id"], None)) is not None and not asked.done():
                if "error" in said:
                    asked.set_exception(DevStackError(f"Chromium refuses: {said['error'].get('message')}"))
                else:
                    asked.set_result(said["result"])

    async def ask(self, method: str, session: str | None = None, **given: Any) -> dict[str, Any]:
        """The answer to one question."""
        self._number += 1
        asked = self._open[self._number] = asyncio.get_running_loop().create_future()
        question: dict[str, Any] = {"id": self._number, "method": method, "params": given}
        await self._socket.send_json(question | ({"sessionId": session} if session else {}))
        async with asyncio.timeout(_ANSWER_TIMEOUT):
            answer: dict[str, Any] = await asked
            return answer


@dataclass
class Tab:
    """A page in the browser. ``complaints``: errors in its console, refusals of its Content-Security-Policy among them."""

    wire: _Wire
    session: str
    complaints: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    """Texts of alerts and the like that a page has opened."""
    status: int = 0
    """HTTP status of the document that was loaded last."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Its headers, names in lower case."""
    _loaded: asyncio.Event = field(default_factory=asyncio.Event)
    _closing: set[asyncio.Task[Any]] = field(default_factory=set)

    async def begin(self) -> None:
        """Have Chromium tell of what happens on the page."""
        self.wire.events.append(self._told)
        for domain in ("Page", "Network", "Runtime", "Log"):
            await self._ask(f"{domain}.enable")

    async def _ask(self, method: str, **given: Any) -> dict[str, Any]:
        return await self.wire.ask(method, self.session, **given)

    def _told(self, method: str, told: dict[str, Any]) -> None:
        match method:
            case "Page.loadEventFired":
                self._loaded.set()
            case "Network.responseReceived" if told["type"] == "Document":
                self.status = told["response"]["status"]
                self.headers = {name.lower(): value for name, value in told["response"]["headers"].items()}
            case "Runtime.exceptionThrown":
                self.complaints.append(str(told["exceptionDetails"].get("text")))
            case "Runtime.consoleAPICalled" if told["type"] in ("error", "assert"):
                self.complaints.append(" ".join(str(part.get("value")) for part in told["args"]))
            case "Log.entryAdded" if told["entry"]["level"] == "error":
                self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}".strip())
            case "Page.javascriptDialogOpening":
                self.dialogs.append(told["message"])
                self._closing.add(asyncio.create_task(self._ask("Page.handleJavaScriptDialog", accept=False)))

    async def open(self, url: str) -> None:
        """Go to an address, and wait until the page is there with all that belongs to it.

        Raises:
            DevStackError: nothing answers there.
        """
        self._loaded.clear()
        answer = await self._ask("Page.navigate", url=url)
        if answer.get("errorText"):
            raise DevStackError(f"Chromium cannot open {url}: {answer['errorText']}")
        await self._wait()

    async def click(self, selector: str, text: str | None = None) -> None:
        """Click on what a CSS selector finds, the first with this text, and wait for the page that follows.

        Raises:
            DevStackError: there is nothing of the kind.
        """
        find = (
            f"[...document.querySelectorAll({json.dumps(selector)})]"
            f".find(e => {json.dumps(text)} === null || e.textContent.trim() === {json.dumps(text)})"
        )
        place = await self.evaluate(
            f"(e => {{ if (!e) return null; e.scrollIntoView({{block: 'center', inline: 'center'}});"
            f" const r = e.getClientRects()[0]; return [r.left + r.width / 2, r.top + r.height / 2]; }})({find})"
        )
        if place is None:
            raise DevStackError(f"There is no {selector} {text or ''} on the page: {await self.text()}")
        self._loaded.clear()
        for kind in ("mousePressed", "mouseReleased"):
            await self._ask("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)
        await self._wait()

    async def type(self, selector: str, text: str) -> None:
        """Put a text into a field, as typed, and press Enter; waits for the page that follows."""
        await self.evaluate(f"(e => {{ e.focus(); e.value = ''; }})(document.querySelector({json.dumps(selector)}))")
        await self._ask("Input.insertText", text=text)
        self._loaded.clear()
        for kind in ("keyDown", "keyUp"):
            await self._ask(
                "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r"
            )
        await self._wait()

    async def _wait(self) -> None:
        async with asyncio.timeout(_ANSWER_TIMEOUT):
            await self._loaded.wait()

    async def evaluate(self, script: str) -> Any:
        """What a script comes to, run past the page's Content-Security-Policy; it must be what JSON knows."""
        answer = await self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise DevStackError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    async def text(self, selector: str = "body") -> str:
        """What a person reads there; empty where there is no such element."""
        return str(await self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    async def texts(self, selector: str) -> list[str]:
        """The same of all elements that a selector finds."""
        return list(
            await self.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.innerText.trim())")
        )

    async def address(self) -> str:
        """Of the page that is shown."""
        return str(await self.evaluate("location.href"))

    async def cookies(self) -> list[dict[str, Any]]:
        """All that this tab has."""
        return list((await self._ask("Network.getCookies"))["cookies"])

    async def look(self, width: int, height: int, *, dark: bool = False, phone: bool = False) -> None:
        """The size of the window, in CSS pixels, and which colours its user prefers."""
        await self._ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone
        )
        scheme = "dark" if dark else "light"
        await self._ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def picture(self) -> bytes:
        """A PNG of what the window shows."""
        return base64.b64decode((await self._ask("Page.captureScreenshot", format="png"))["data"])
