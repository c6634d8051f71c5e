"""Fetching a file from an address that a stranger named, without becoming their way into our own network.

The name is resolved once, every address that it has must be public, and the connection goes to the very address that
was looked at: a name that answers differently the next time gains nothing. Redirects are not followed, no proxy is
asked, nothing is sent but the request. What a network's own firewall allows is still the operator's to say.
"""

from __future__ import annotations

import http.client
import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
HTTPS = 443
_CHUNK = 64 * 1024
_LONGEST_URL = 2000
_NAT64 = tuple(ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48"))
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_SPECIAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4", "2001:10::/28", "2001:20::/28", "3fff::/20",
        "5f00::/16", "fec0::/10",
        "168.63.129.16/32",  # at which a cloud answers its own machines alone
    )
)  # fmt: skip
"""Networks that some versions of Python call global."""


class FetchError(Exception):
    """A file is not fetched.

    Codes: ``reference_invalid`` (no address that is fetched from), ``reference_refused`` (not a public one),
    ``reference_unreachable``, ``reference_redirected``, ``reference_too_large``, ``reference_mismatched`` (another
    length than was said), ``reference_timeout``.
    """

    param = "referenceUrl"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class FetchLimits:
    """What fetching may take.

    Attributes:
        seconds: from the first packet to the last byte.
        max_bytes: largest file.
        allowed: networks that may be fetched from although they are not public, on any port.
        authorities: certificates to trust beside those of the system.
    """

    seconds: float
    max_bytes: int
    allowed: Sequence[Network] = ()
    authorities: Path | None = field(default=None)


def fetch(url: str, path: Path, limits: FetchLimits, *, length: int | None = None) -> int:
    """Fetch a file; blocks, so call it in a worker thread.

    Args:
        url: an ``https:`` address.
        path: where the file goes, mode 0600; it must not exist, and is not there after an error.
        limits: what it may take.
        length: bytes that it must have.

    Returns:
        Its length.

    Raises:
        FetchError: see there.
    """
    host, port, target = _parts(url)
    if length is not None and not 0 < length <= limits.max_bytes:
        raise _too_large(limits)
    address = _resolved(host, port, limits.allowed)
    deadline = time.monotonic() + limits.seconds
    connection = _Pinned(host, port, address, _trusting(limits.authorities), limits.seconds)
    try:
        with _ended_at(connection, deadline):
            size = _received(connection, target, path, limits, length)
        if time.monotonic() >= deadline:  # what was cut off may look like an end
            raise TimeoutError
        return size
    except FetchError:
        path.unlink(missing_ok=True)
        raise
    except (OSError, http.client.HTTPException, ValueError):
        path.unlink(missing_ok=True)
        if time.monotonic() >= deadline:
            raise FetchError("reference_timeout", "The address took too long to answer.") from None
        raise FetchError("reference_unreachable", "The address does not answer as it should.") from None
    finally:
        connection.close()


def public(address: Address) -> bool:
    """Whether an address is one of the public internet, whatever it is wrapped in."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _wrapped(address)
        if inner is not None:
            return public(inner)
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not any(address.version == network.version and address in network for network in _SPECIAL)
    )


def _wrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to, by any of the ways there are."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _COMPATIBLE or any(address in network for network in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


class _Pinned(http.client.HTTPSConnection):
    """A connection to one address, under the name that its certificate must have."""

    def __init__(
        self, host: str, port: int, address: Address, context: ssl.SSLContext, seconds: float
    ) -> None:
        super().__init__(host, port, timeout=seconds, context=context)
        self._address, self._trusting = address, context
        self.wire: socket.socket | None = None
        """The socket, also once an answer that ends with the connection has taken it over."""

    def connect(self) -> None:
        """Connect to the pinned address; the name is not looked up again."""
        plain = socket.create_connection((str(self._address), self.port), self.timeout)
        wire = self._trusting.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
        self.sock = self.wire = wire
        wire.do_handshake()  # only now: it must not take for ever either


def _parts(url: str) -> tuple[str, int, str]:
    invalid = FetchError(
        "reference_invalid", "An address reads https://host/path, without a user or a fragment."
    )
    if len(url) > _LONGEST_URL or not url.isascii() or any(sign <= " " or sign == "\x7f" for sign in url):
        raise invalid
    try:
        parts = urlsplit(url)
        port = parts.port or HTTPS
        host = parts.hostname
    except ValueError:
        raise invalid from None
    if parts.scheme != "https" or not host or "@" in parts.netloc or parts.fragment or "\\" in url:
        raise invalid
    return host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _resolved(host: str, port: int, allowed: Sequence[Network]) -> Address:
    """The one address to connect to; all that the name has must be fit, or some other lookup would choose another."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(str(entry[4][0])) for entry in found]
    except (OSError, ValueError, UnicodeError):
        raise FetchError("reference_unreachable", "The name of the address cannot be resolved.") from None
    for address in addresses:
        inside = any(address.version == network.version and address in network for network in allowed)
        if not inside and not (public(address) and port == HTTPS):
            raise FetchError(
                "reference_refused",
                "Files are fetched from public addresses on the usual port, and no others.",
            )
    return addresses[0]


def _trusting(authorities: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authorities is not None:
        context.load_verify_locations(authorities)
    return context


@contextmanager
def _ended_at(connection: _Pinned, deadline: float) -> Iterator[None]:
    """Cut the connection at a moment, however slowly something trickles in until then."""

    def cut() -> None:
        if connection.wire is not None:
            with suppress(OSError):
                # Not the method of the encrypted socket, which would take from a reader what it reads with.
                socket.socket.shutdown(connection.wire, socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _received(connection: _Pinned, target: str, path: Path, limits: FetchLimits, length: int | None) -> int:
    connection.request("GET", target, headers={"Accept": "*/*", "Accept-Encoding": "identity"})
    answer = connection.getresponse()
    if 300 <= answer.status < 400:
        raise FetchError(
            "reference_redirected", "The address leads elsewhere; give the one that it leads to."
        )
    if answer.status != 200 or answer.getheader("content-encoding", "identity") != "identity":
        raise FetchError("reference_unreachable", "The address does not answer as it should.")
    if answer.length is not None and answer.length > limits.max_bytes:
        raise _too_large(limits)
    total = 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while chunk := answer.read(_CHUNK):
            total += len(chunk)
            if total > limits.max_bytes:
                raise _too_large(limits)
            file.write(chunk)
    if answer.length or (length is not None and total != length):
        raise FetchError("reference_mismatched", "The file has another length than was said.")
    return total


def _too_large(limits: FetchLimits) -> FetchError:
    return FetchError("reference_too_large", f"Files of 1 to {limits.max_bytes} bytes are fetched.")
