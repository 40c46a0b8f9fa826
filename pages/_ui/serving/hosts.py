"""The addresses at which the dashboard answers: this machine's, and those that a person allows."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_PORT = 65_535
_AUTHORITY = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>\d{1,5}))?")


class Address(NamedTuple):
    """A host name or IP address in lower case, without brackets, and a port; None stands for the default port."""

    host: str
    port: int | None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


def parse_address(text: str) -> Address | None:
    """Parse a host with an optional port, as in a Host header; None if it is not valid.

    >>> parse_address("LOCALHOST:8501"), parse_address("[::1]:8501"), parse_address("user@localhost")
    (Address(host='localhost', port=8501), Address(host='::1', port=8501), None)
    """
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    port = None if match["port"] is None else int(match["port"])
    if port is not None and not 1 <= port <= _MAX_PORT:
        return None
    if match["ipv6"] is None:
        return Address(match["name"].lower(), port)
    return None if (address := plain_ip(match["ipv6"])) is None else Address(address, port)


def plain_ip(text: str) -> str | None:
    """Return an IP address in its shortest form, and IPv4 inside IPv6 as IPv4; None if it is not an IP address.

    >>> plain_ip("0:0::1"), plain_ip("::ffff:10.0.0.5"), plain_ip("localhost")
    ('::1', '10.0.0.5', None)
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def is_local(host: str | None) -> bool:
    """Return whether a server at this host accepts connections from this machine only. None is every interface."""
    if host is None:
        return False
    address = plain_ip(host.strip("[]"))
    return host.lower() == "localhost" if address is None else ipaddress.ip_address(address).is_loopback


def is_own_origin(origin: str, host: Address) -> bool:
    """Return whether the Origin header names a page of the host that the request was sent to."""
    scheme, _, rest = origin.partition("://")
    default_port, sender = _DEFAULT_PORTS.get(scheme), parse_address(rest)
    if default_port is None or sender is None:
        return False
    return (sender.host, sender.port or default_port) == (host.host, host.port or default_port)


@dataclass(frozen=True)
class AllowedHosts:
    """The addresses at which the dashboard answers.

    Those of this machine are always allowed, with the port of the server. `added` are the addresses that a person
    allows; one without a port is allowed with every port.
    """

    added: frozenset[Address] = frozenset()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> AllowedHosts | None:
        """Return the allowed addresses; None if one of them is not a host with an optional port."""
        addresses = [parse_address(text) for text in texts]
        return None if None in addresses else cls(frozenset(address for address in addresses if address is not None))

    @property
    def local(self) -> bool:
        """Whether all of them are names of this machine."""
        return all(is_local(address.host) for address in self.added)

    def allow(self, host: Address, server: Address) -> bool:
        """Return whether the dashboard answers at `host`.

        Args:
            host: address in the Host header.
            server: address at which the connection arrived. A page elsewhere can re-point its name to this address, but
                the Host header then has its name.
        """
        if host.host in LOCAL_NAMES or host.host == server.host:
            own_ports = {server.port, None} if server.port in _DEFAULT_PORTS.values() else {server.port}
            if host.port in own_ports:
                return True
        return host in self.added or Address(host.host, None) in self.added
