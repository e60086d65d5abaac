"""How often something may be tried: buckets that fill again with time.

They are kept in memory, a process each: a restart forgives, and two processes allow twice as much.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from api.problems import TooManyRequests
from api.settings import SignInSettings

_REMEMBERED = 100_000
_HOUR_S = 3600.0


class Buckets:
    """One bucket a key, of `burst` tokens that come back at `per_second`."""

    def __init__(
        self, *, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable) -> float:
        """Take a token and answer 0.0, or the seconds until there is one."""
        now = self._clock()
        tokens, since = self._kept.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._per_second)
        taken = tokens >= 1.0
        self._kept[key] = (tokens - 1.0 if taken else tokens, now)
        if len(self._kept) > _REMEMBERED:
            self._kept.popitem(last=False)
        return 0.0 if taken else (1.0 - tokens) / self._per_second

    def give_back(self, key: Hashable) -> None:
        """It should not have counted."""
        if key in self._kept:
            tokens, since = self._kept[key]
            self._kept[key] = (min(self._burst, tokens + 1.0), since)


class SignInLimits:
    """Wrong passwords slow down whoever sends them, and nobody else for long.

    Counted alike whether the account exists or not. An account is tried so often from one
    address, and so often from all others together; whoever has signed in from an address before
    is not held up by those others.
    """

    def __init__(
        self, settings: SignInSettings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        def buckets(tries_per_hour: int) -> Buckets:
            return Buckets(per_second=tries_per_hour / _HOUR_S, burst=tries_per_hour, clock=clock)

        self._here = buckets(settings.tries_per_hour_of_account_at_address)
        self._account = buckets(settings.tries_per_hour_of_account)
        self._address = buckets(settings.tries_per_hour_at_address)
        self._known: OrderedDict[int, None] = OrderedDict()

    def admit(self, username: str, address: str) -> None:
        """Count one try, before the password is looked at: tries at one moment count, too."""
        here, account, network = _keys(username, address)
        waits = [self._address.take(network), self._here.take(here)]
        if here not in self._known:
            waits.append(self._account.take(account))
        if max(waits) > 0:
            raise TooManyRequests(
                "There were too many wrong tries; wait a little.", retry_after_s=max(waits)
            )

    def succeeded(self, username: str, address: str) -> None:
        """The password was right: the try does not count."""
        here, account, network = _keys(username, address)
        self._address.give_back(network)
        self._here.give_back(here)
        if here not in self._known:
            self._account.give_back(account)
        self._known[here] = None
        self._known.move_to_end(here)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _keys(username: str, address: str) -> tuple[int, int, str]:
    network = network_of(address)
    folded = username.strip().casefold()
    return hash((folded, network)), hash(folded), network


def network_of(address: str) -> str:
    """The address, or of IPv6 the network that one customer has: addresses there are free."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
