"""How catalogues at http and https URLs are asked for: with the credentials of ~/.netrc, and from one host alone."""

from functools import cache
from types import SimpleNamespace
from typing import Any

import aiohttp
from fsspec.config import conf
from yarl import URL

from samesku.errors import InputError


async def refuse_other_host(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams
) -> None:
    """Refuse a redirect to another host, which may be one of this network.

    Raises:
        InputError: the sentence names the host.
    """
    target = params.url.join(URL(params.response.headers.get("Location", "")))
    standard = {params.url.origin(), params.url.origin().with_scheme("https").with_port(None)}
    if target.scheme not in ("http", "https") or target.origin() not in standard:
        raise InputError(
            f"{params.url.host} redirects to {target.host or target.scheme}; allowed: the host of data.source; where "
            "that is right, name the address there"
        )


@cache
def client_options() -> dict[str, Any]:
    """Options of aiohttp's session, beside those of fsspec's own configuration."""
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse_other_host)
    own = conf.get("https", {}).get("client_kwargs", {})
    return {"trust_env": True, **own, "trace_configs": [trace]}
