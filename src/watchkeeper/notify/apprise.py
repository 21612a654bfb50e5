"""Whatever Apprise speaks to: mail, ntfy, Pushover, Slack, Telegram ... A message there cannot be changed."""

from __future__ import annotations

import asyncio
import logging
import warnings
from typing import Any

from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.ids import Millis
from watchkeeper.notify.messages import Message
from watchkeeper.notify.port import NotSent, Outcome, Sent
from watchkeeper.notify.rendering import Rendered, cut, inert_text

_MOST_TITLE, _MOST_BODY = 250, 1500
_DEADLINE_S = 60.0


class Apprise:
    """One address; see ``watchkeeper.notify.port.Port``. Whether a message that failed came through is never known."""

    inert = staticmethod(inert_text)

    def __init__(self, address: str) -> None:
        """Raises UsageError (``bad-address``), which does not quote it; WatchkeeperError (``apprise-missing``)."""
        try:
            import apprise
        except ImportError as error:
            raise WatchkeeperError(
                f"Apprise is not installed: {error}", slug="apprise-missing", hint="pip install 'watchkeeper[notify]'"
            ) from error
        # It logs addresses in part, and Python prints what nobody listens to.
        logging.getLogger("apprise").addHandler(logging.NullHandler())
        logging.getLogger("apprise").propagate = False
        self._text: Any = apprise.NotifyFormat.TEXT
        self._apprise: Any = apprise.Apprise(asset=apprise.AppriseAsset(secure_logging=True, app_id="Watchkeeper"))
        with warnings.catch_warnings():  # it loads all that it knows at the first address, and some of that is old
            warnings.simplefilter("ignore", DeprecationWarning)
            is_known = len(address.split()) == 1 and self._apprise.add(address.strip())
        if not is_known:
            raise UsageError(
                "An address is none that Apprise knows",
                slug="bad-address",
                hint="it is one URL, as in ntfys://ntfy.sh/TOPIC: see https://github.com/caronc/apprise/wiki",
            )

    def ready_in(self, message: Message) -> float:  # noqa: ARG002 it tells of no limits
        return 0.0

    async def send(self, message: Message, words: Rendered) -> Outcome:  # noqa: ARG002 every message is a new one
        body = cut("\n".join([*words.lines, words.footer]), _MOST_BODY)
        sending = asyncio.to_thread(
            self._apprise.notify, title=cut(words.headline, _MOST_TITLE), body=body, body_format=self._text
        )
        try:
            done = await asyncio.wait_for(sending, _DEADLINE_S)
        except TimeoutError:
            return NotSent("it did not answer in time", 5.0, is_unknown=True)
        return Sent() if done else NotSent("Apprise could not send it", 5.0, is_unknown=True)

    async def find(self, token: str, since: Millis) -> Outcome | None:  # noqa: ARG002 there is no place to look
        return NotSent("it cannot be asked what it has", None, is_unknown=True)

    async def probe(self) -> str | None:
        return None

    async def close(self) -> None:
        return None
