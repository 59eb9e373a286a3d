"""Passwords in addresses: params.yaml, dvc.lock and messages are read by everybody who has the repository."""

import re
from collections.abc import Iterator

#: user:password@ of any address, user@ of a web address (a token), and the parameters of a signed one.
_SECRETS = re.compile(
    r"(?P<before>://[^/\s@:]*):[^/\s]*@|(?P<web>https?://)[^/\s@]+@"
    r"|(?P<key>[?&](?:x-[a-z]+-(?:signature|security-token|credential)|sig|signature|\w*token|password|api_?key)=)[^&\s]+",
    re.IGNORECASE,
)


def has_secret(address: str) -> bool:
    """Whether an address holds a password, a token or a signature."""
    return _SECRETS.search(address) is not None


def hide_secrets(text: str) -> str:
    """The text with *** for what `has_secret` sees."""

    def hidden(match: re.Match[str]) -> str:
        if match["key"]:
            return f"{match['key']}***"
        return f"{match['before'] or match['web']}{':' * bool(match['before'])}***@"

    return _SECRETS.sub(hidden, text)


def check_source(source: str) -> Iterator[str]:
    """What is wrong with the address of a catalogue: git and dvc.lock keep it."""
    if has_secret(source):
        yield (
            f"source is {hide_secrets(source)!r}, with a password or token that git and dvc.lock would keep; allowed: "
            "the address without it; give it in ~/.netrc (http, https), as FSSPEC_FTP_PASSWORD (likewise for every "
            "protocol of fsspec), or in your store's own variables (AWS_…)"
        )
