"""Where a call may go: how an address must be written, and which networks are never called. No network is used here."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

LONGEST = 2048
# What stands in an address as it is sent: no space, no control character, nothing beyond ASCII.
PLAIN = re.compile(r"[!-~]+")
HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
LOOPBACK_NAME = re.compile(r"(.+\.)?localhost")

Address = IPv4Address | IPv6Address


class Refused(Exception):
    """A call that is never made; `code` says which rule forbids it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Target:
    """An address taken apart once: nobody reads the text again, which another parser may read otherwise."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Return what the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"https": 443, "http": 80}[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True)
class Rules:
    """What an installation allows beyond the public internet over TLS."""

    ports: Collection[int] = (443,)
    internal_hosts: Collection[str] = ()
    plain_hosts: Collection[str] = ()


def target(url: str, rules: Rules) -> Target:
    """Take an address apart; raises Refused for one that is written in a way we do not send to."""
    if len(url) > LONGEST or not PLAIN.fullmatch(url) or "\\" in url:
        raise Refused("url.characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Refused("url.malformed") from error
    if "@" in parts.netloc:
        raise Refused("url.userinfo")
    host = _host(host.removesuffix("."), parts)
    if parts.scheme != "https" and not (parts.scheme == "http" and host in rules.plain_hosts):
        raise Refused("url.scheme")
    port = port if port is not None else {"https": 443, "http": 80}[parts.scheme]
    if port not in rules.ports:
        raise Refused("url.port")
    return Target(parts.scheme, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def _host(host: str, parts: SplitResult) -> str:
    if "[" in parts.netloc:
        if not isinstance(_literal(host), IPv6Address) or "%" in host:
            raise Refused("url.host")
        return host
    if len(host) > 253 or not HOST.fullmatch(host):
        raise Refused("url.host")
    return host


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


# `ipaddress.is_global` calls NAT64, 6to4, site-local and multicast addresses global: the lists are our own.
NEVER_V4 = [
    ip_network(each)
    for each in (
        "0.0.0.0/8",  # this host, on Linux
        "169.254.0.0/16",  # link-local: the metadata of clouds
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # relays of 6to4
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        # An address of a metadata service that lies in the public range.
        "168.63.129.16/32",
    )
]
PRIVATE_V4 = [ip_network(each) for each in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")]
LOOPBACK_V4 = ip_network("127.0.0.0/8")

# Of IPv6 only global unicast is public at all.
GLOBAL_V6 = ip_network("2000::/3")
NEVER_V6 = [
    ip_network(each)
    for each in (
        "2001::/23",  # Teredo, ORCHID, benchmarks and what else IETF gave to protocols
        "2001:db8::/32",
        "2002::/16",  # 6to4: carries an IPv4 address to a relay that nobody keeps any more
        "2620:4f:8000::/48",
        "3fff::/20",
        "5f00::/16",
        "fd00:ec2::/32",  # the metadata of a cloud, inside what is else a company's own
        "fd20:ce::/64",
        "64:ff9b:1::/48",  # a network's own NAT64: where the IPv4 address stands in it is not known
    )
]
PRIVATE_V6 = ip_network("fc00::/7")
NAT64 = ip_network("64:ff9b::/96")
LAST_32_BITS = 0xFFFFFFFF


def check(address: str, host: str, *, internal: bool) -> None:
    """Raise Refused for an address that the host may not stand at; `internal` lets it be in the company's network.

    Loopback needs more than that: a name of the company's must not come to mean our own machine.
    """
    found = _unwrapped(ip_address(address.partition("%")[0]))
    if _is_never(found):
        raise Refused("address.forbidden")
    if _is_loopback(found):
        if not internal or not _names_this_machine(host):
            raise Refused("address.loopback")
    elif _is_private(found) and not internal:
        raise Refused("address.private")


def _unwrapped(found: Address) -> Address:
    """Return the IPv4 address that an IPv6 one leads to, where one does."""
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            return found.ipv4_mapped
        if found in NAT64:
            return IPv4Address(int(found) & LAST_32_BITS)
    return found


def _is_never(found: Address) -> bool:
    if isinstance(found, IPv4Address):
        return any(found in each for each in NEVER_V4)
    known = found in GLOBAL_V6 or found in PRIVATE_V6 or _is_loopback(found)
    return not known or any(found in each for each in NEVER_V6)


def _is_loopback(found: Address) -> bool:
    return found in LOOPBACK_V4 if isinstance(found, IPv4Address) else found == IPv6Address("::1")


def _is_private(found: Address) -> bool:
    return any(found in each for each in PRIVATE_V4) if isinstance(found, IPv4Address) else found in PRIVATE_V6


def _names_this_machine(host: str) -> bool:
    literal = _literal(host)
    return LOOPBACK_NAME.fullmatch(host) is not None if literal is None else _is_loopback(literal)
