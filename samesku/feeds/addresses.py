"""Which addresses pictures may be fetched from: a feed is written by others, and must not reach this network."""

import ipaddress
import socket

import aiohttp

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: IPv6 addresses that a gateway turns into the IPv4 address in their last 32 bits (NAT64, RFC 6052).
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class PrivateAddressError(OSError):
    """A connection to an address that is not public was refused."""

    def __init__(self) -> None:
        # One message for all: where a name has several such addresses, aiohttp then raises this error itself.
        super().__init__("not a public address")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet.

    Private, loopback, link-local, multicast and reserved ones are not. An IPv6 address that stands for an IPv4
    address (mapped, 6to4, NAT64) is judged by that.
    """
    ip = _meant(ipaddress.ip_address(address))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _meant(ip: _Address) -> _Address:
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    translated = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None
    return ip.ipv4_mapped or ip.sixtofour or translated or ip


def public_socket(resolved: aiohttp.AddrInfoType) -> socket.socket:
    """A socket for an address as `getaddrinfo` gives it.

    aiohttp calls it with the very address that it then connects to, so a name that resolves to another address
    the second time gains nothing.

    Raises:
        PrivateAddressError: the address is not public.
    """
    family, kind, protocol, _, place = resolved
    if not is_public(str(place[0])):
        raise PrivateAddressError
    return socket.socket(family=family, type=kind, proto=protocol)
