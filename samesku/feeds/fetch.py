"""Fetch pictures: a few at a time, with retries, limits of time and size, and none from a private network."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple

import aiohttp
from yarl import URL

from samesku.artefacts import replace_out
from samesku.catalogue.picture import picture_extension
from samesku.catalogue.quarantine import Fault
from samesku.feeds.addresses import PrivateAddressError, public_socket

_HEADERS = {"User-Agent": "samesku (pictures of a product feed)", "Accept": "image/*,*/*;q=0.5"}
_REDIRECTS = {301, 302, 303, 307, 308}
#: Statuses that may be gone the next time, beside all from 500 on.
_BUSY = {408, 425, 429}
_BLOCK = 2**16  # bytes read at once


@dataclass(frozen=True)
class FetchLimits:
    """How pictures are fetched.

    Attributes:
        jobs: pictures at a time. tries: for each picture.
        connect_timeout, read_timeout, total_timeout: seconds to connect, without a byte, and for one try.
        max_bytes: of a file. max_pixels: of a picture. max_redirects: of one try.
        first_wait: seconds before the second try; doubles with each further one.
        longest_wait: seconds; a server that asks for more (Retry-After) is not asked again in this run.
        max_silent: after so many failed connections to a host in a row, its further pictures are not tried.
        allow_private: whether addresses that are not of the public internet are allowed.
    """

    jobs: int = 8
    tries: int = 4
    connect_timeout: float = 10.0
    read_timeout: float = 20.0
    total_timeout: float = 60.0
    max_bytes: int = 20_000_000
    max_pixels: int = 100_000_000
    max_redirects: int = 5
    first_wait: float = 0.5
    longest_wait: float = 30.0
    max_silent: int = 20
    allow_private: bool = False


class Fetched(NamedTuple):
    """What became of a URL: the name of its file, or "" with the reason; the last HTTP status, if there was one."""

    file: str = ""
    reason: str = ""
    status: int | None = None


class _FailedError(Exception):
    """A try that failed; `again` says whether the next one may succeed, `wait` for how many seconds to wait first."""

    def __init__(
        self, reason: str, status: int | None = None, *, again: bool = False, wait: float | None = None
    ) -> None:
        super().__init__(reason)
        self.fetched = Fetched("", f"image: {reason}", status)
        self.again = again
        self.wait = wait


def fetch_pictures(
    urls: Iterable[str], folder: Path, limits: FetchLimits, report: Callable[[str, Fetched], None]
) -> None:
    """Fetch each URL into a file of `folder`, named by the hash of the URL and the type of the picture.

    Files are whole or not there. Nothing that a server does raises an error.

    Args:
        urls: each once. report: called with each URL when it is done, in any order.

    Raises:
        OSError: a file cannot be written, as on a full disk.
    """
    asyncio.run(_fetch_all(urls, folder, limits, report))


async def _fetch_all(
    urls: Iterable[str], folder: Path, limits: FetchLimits, report: Callable[[str, Fetched], None]
) -> None:
    remaining = iter(urls)

    async def work(fetcher: _Fetcher) -> None:
        for url in remaining:
            report(url, await fetcher.fetch(url))

    connector = aiohttp.TCPConnector(
        limit=limits.jobs, socket_factory=None if limits.allow_private else public_socket
    )
    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=limits.connect_timeout, sock_read=limits.read_timeout
    )
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, headers=_HEADERS, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        # One thread decodes: Pillow's limits are set for a whole process.
        with ThreadPoolExecutor(1) as decoder:
            fetcher = _Fetcher(session, decoder, folder, limits)
            tasks = [asyncio.create_task(work(fetcher)) for _ in range(limits.jobs)]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


class _Fetcher:
    def __init__(
        self,
        session: aiohttp.ClientSession,
        decoder: ThreadPoolExecutor,
        folder: Path,
        limits: FetchLimits,
    ) -> None:
        self.session, self.decoder, self.folder, self.limits = session, decoder, folder, limits
        self.silent: Counter[str] = Counter()  # failed connections to a host in a row
        self.not_before: dict[str, float] = {}  # when a host may be asked again

    async def fetch(self, url: str) -> Fetched:
        try:
            address = URL(url)
            host = address.host or ""
        except ValueError:  # also a host that is no name in Punycode
            return Fetched("", "image: not the address of a file")
        wait = self.limits.first_wait
        for attempt in range(self.limits.tries):
            try:
                await self._await_turn(host)
                data, status = await self._download(address)
                return Fetched(await self._store(url, data, status), "", status)
            except _FailedError as failed:
                asked = failed.wait or 0.0
                if not failed.again or asked > self.limits.longest_wait or attempt == self.limits.tries - 1:
                    return failed.fetched
                await asyncio.sleep(max(wait, asked))
                wait *= 2
        raise AssertionError("tries is at least 1")

    async def _store(self, url: str, data: bytes, status: int) -> str:
        loop = asyncio.get_running_loop()
        try:
            extension = await loop.run_in_executor(
                self.decoder, picture_extension, data, self.limits.max_pixels
            )
        except Fault as fault:
            page = data[:512].lstrip().lower().startswith((b"<!doctype html", b"<html"))
            reason = "a web page in place of a picture" if page else fault.reason.removeprefix("image: ")
            raise _FailedError(reason, status) from None
        name = f"{hashlib.sha256(url.encode('utf-8', 'surrogatepass')).hexdigest()[:20]}{extension}"
        with replace_out(self.folder / name) as partial:
            partial.write_bytes(data)
        return name

    async def _download(self, url: URL) -> tuple[bytes, int]:
        """The bytes behind a URL, and the HTTP status; what goes wrong becomes a _FailedError."""
        try:
            async with asyncio.timeout(self.limits.total_timeout):
                return await self._follow(url)
        except TimeoutError:
            raise _FailedError("the server did not answer in time", again=True) from None
        except aiohttp.ClientSSLError:
            raise _FailedError("the server has no valid certificate") from None
        except aiohttp.ClientConnectorDNSError:
            raise _FailedError("no such host", again=True) from None
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, PrivateAddressError):
                raise _FailedError("a private address, which --allow-private allows") from None
            raise _FailedError("no connection to the server", again=True) from None
        except (aiohttp.InvalidURL, ValueError):
            raise _FailedError("not the address of a file") from None
        except aiohttp.ClientError:
            raise _FailedError("the connection broke", again=True) from None

    async def _follow(self, url: URL) -> tuple[bytes, int]:
        for _ in range(self.limits.max_redirects + 1):
            if url.scheme not in ("http", "https") or not url.host:
                raise _FailedError("not an http or https address")
            try:
                async with self.session.get(url, allow_redirects=False) as response:
                    self.silent[url.host] = 0
                    location = response.headers.get("Location")
                    if response.status in _REDIRECTS and location:
                        url = url.join(URL(location))
                        continue
                    self._check_status(response)
                    return await self._read(response), response.status
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                if not isinstance(getattr(error, "os_error", None), PrivateAddressError):
                    self.silent[url.host or ""] += 1
                raise
        raise _FailedError(f"more than {self.limits.max_redirects} redirects", response.status)

    async def _await_turn(self, host: str) -> None:
        """Wait as long as the host has asked for; it is no part of the time of a try."""
        if self.silent[host] >= self.limits.max_silent:
            raise _FailedError("not tried, since its server did not answer many times in a row")
        if (seconds := self.not_before.get(host, 0.0) - time.monotonic()) > 0:
            await asyncio.sleep(seconds)

    def _check_status(self, response: aiohttp.ClientResponse) -> None:
        status = response.status
        if status == 200:
            return
        again = status in _BUSY or status >= 500
        wait = _retry_after(response.headers.get("Retry-After", "")) if again else None
        if wait and wait <= self.limits.longest_wait and response.url.host:
            self.not_before[response.url.host] = time.monotonic() + wait
        raise _FailedError(f"HTTP status {status}", status, again=again, wait=wait)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        most = self.limits.max_bytes
        data = bytearray()
        # The length that a server announces is checked first; it may be missing or wrong.
        if (response.content_length or 0) <= most:
            async for block in response.content.iter_chunked(_BLOCK):
                data += block
                if len(data) > most:
                    break
            else:
                if not data:
                    raise _FailedError("an empty file", response.status)
                return bytes(data)
        raise _FailedError(f"a file above {most / 1e6:g} MB", response.status)


def _retry_after(header: str) -> float | None:
    """The seconds that a server asks to wait, given as such or as a date; None where it asks for nothing."""
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):  # no date, or one that no clock shows
        return None
