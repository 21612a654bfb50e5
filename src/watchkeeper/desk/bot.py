"""The bot on Discord: hears slash commands and buttons, and answers the one who asked. It sends no messages itself.

What is told goes through ``notify.discord`` with the same token: so it is told whether or not the bot is connected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import discord
from discord import app_commands

from watchkeeper.desk.commands import COMMANDS, NEEDS_NAME, Asked, Commands
from watchkeeper.fleet.config import ChannelEntry
from watchkeeper.notify.rendering import cut

_ACTIONS = frozenset({"ack", "why", "hold", "release", "all"})
_MOST_NAME = 100
_NOBODY = discord.AllowedMentions.none()


class Bot(discord.Client):
    """One token, in the rooms that are configured for it. ``run_until_cancelled`` it."""

    def __init__(self, commands: Commands, rooms: Sequence[ChannelEntry]) -> None:
        # Of servers it hears only which roles there are, of people nothing but what they ask it.
        super().__init__(intents=discord.Intents(guilds=True), allowed_mentions=_NOBODY)
        self._commands = commands
        self._rooms: Mapping[str, ChannelEntry] = {each.room: each for each in rooms}
        self._tree: app_commands.CommandTree[Bot] = app_commands.CommandTree(self)
        for name, said in COMMANDS.items():
            self._tree.add_command(_command(self, name, said))

    async def run_until_cancelled(self, token: str) -> None:
        """Stay connected; discord.py connects again by itself. Raises discord.LoginFailure for a token that is none."""
        try:
            await self.start(token)
        finally:
            await self.close()

    async def setup_hook(self) -> None:
        """Say which commands there are; the same ones again change nothing."""
        await self._tree.sync()

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """A button; commands go through the tree."""
        if interaction.type is not discord.InteractionType.component:
            return
        data: Mapping[str, Any] = interaction.data or {}
        custom = str(data.get("custom_id", ""))
        mark, _, rest = custom.partition(":")
        what, _, name = rest.partition(":")
        if mark == "wk" and what in _ACTIONS:
            await self.respond(interaction, what, name)

    async def respond(self, interaction: discord.Interaction[Any], what: str, name: str) -> None:
        """Answer the one who asked; nobody else sees it. Discord waits three seconds: first it is told to wait."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        room = self._rooms.get(str(interaction.channel_id or ""))
        if room is None:
            text = "This channel is none of those that fleet.toml names."
        else:
            roles = tuple(str(each.id) for each in getattr(interaction.user, "roles", ()))
            asked = Asked(what, name.strip()[:_MOST_NAME], str(interaction.user.id), roles)
            text = await asyncio.to_thread(self._commands.answer, asked, room)
        await interaction.edit_original_response(content=cut(text, 2000), allowed_mentions=_NOBODY)


def _command(bot: Bot, name: str, said: str) -> app_commands.Command[Any, ..., None]:
    if name not in NEEDS_NAME:

        async def plain(interaction: discord.Interaction[Any]) -> None:
            await bot.respond(interaction, name, "")

        return app_commands.Command(name=name, description=said, callback=plain)

    async def named(interaction: discord.Interaction[Any], name_: str) -> None:
        await bot.respond(interaction, name, name_)

    named = app_commands.rename(name_="name")(app_commands.describe(name_=NEEDS_NAME[name])(named))
    return app_commands.Command(name=name, description=said, callback=named)
