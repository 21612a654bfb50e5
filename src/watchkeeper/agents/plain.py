"""Any command that works on a prompt: it is run once a turn, and what it prints is read as well as that goes."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from watchkeeper.agents.port import AgentError, Capabilities, Launch, Limits
from watchkeeper.agents.process import FloodError, Overlong, Process, start_process
from watchkeeper.agents.stream_reading import Stream, find_session
from watchkeeper.agents.untrusted import MAX_TEXT, decode, parse_object
from watchkeeper.agents.usage import read_stream
from watchkeeper.agents.wire import Telling, end_process, watch_process
from watchkeeper.model.agents import Act, AgentEvent, Channel, Phase

PROMPT = "{prompt}"
SESSION = "{session}"

_SINCE = "You were asked this before, and what you did is in the folder. Now there is this:"

LIMITS = Limits(line_bytes=1 << 20)


class PlainAdapter:
    """A command as an agent. ``launch.command`` has ``{prompt}`` where the text goes; without it, it is given as input.

    ``again`` is the command of every later turn, with ``{session}`` for the id that the agent told; without it, or
    where none was told, each turn begins anew, and is given what was asked first with it. ``start`` gives an id of our
    own: what is printed proves nothing. Lines of JSON are read as far as they are known, all else is what the agent
    says. There is no way in while it works: notices wait for the next prompt.
    """

    def __init__(
        self,
        name: str,
        launch: Launch,
        *,
        again: tuple[str, ...] = (),
        capabilities: Capabilities = Capabilities(),  # noqa: B008 - frozen
        limits: Limits = LIMITS,
    ) -> None:
        self._launch = launch
        self._again = again
        self._limits = limits
        self._capabilities = capabilities
        self._telling = Telling(name, "stream", limits)
        self._cwd = Path()
        self._process: Process | None = None
        self._turn: asyncio.Task[None] | None = None
        self._told = ""
        self._task = ""
        self._is_cancelled = False
        self._heard_at = 0.0
        self._said = 0

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def pid(self) -> int:
        return 0 if self._process is None else self._process.pid

    async def start(self, cwd: Path, *, resume: str = "") -> str:
        program = self._launch.command[0] if self._launch.command else ""
        environment = os.environ if self._launch.environment is None else self._launch.environment
        if not program or shutil.which(program, path=environment.get("PATH", os.defpath)) is None:
            raise AgentError(
                f"the agent {self._telling.about.agent} cannot be started: {program or 'no command'} in {cwd}",
                slug="agent-not-started",
                hint="see that it is installed, and on PATH",
            )
        self._cwd = cwd
        self._told = resume
        self._telling.name(resume or f"{self._telling.about.agent}-{secrets.token_hex(4)}", cwd)
        self._telling.tell(Act.BEGIN)
        return self._telling.about.session

    async def prompt(self, text: str) -> None:
        if self._turn is not None:
            raise AgentError(
                f"the agent {self._telling.about.agent} is within a turn",
                slug="agent-at-work",
                hint="wait until it is idle",
            )
        goes_on = bool(self._told and self._again)
        command = self._again if goes_on else self._launch.command
        given = text if goes_on else self._with_task(text)
        has_place = any(PROMPT in part for part in command)
        filled = tuple(part.replace(SESSION, self._told) for part in command)
        filled = tuple(part.replace(PROMPT, given) for part in filled)
        process = await start_process(msgspec.structs.replace(self._launch, command=filled), self._cwd, self._limits)
        self._process = process
        self._said, self._is_cancelled = 0, False
        self._heard_at = asyncio.get_running_loop().time()
        self._telling.tell(Act.PROMPT, text=text[:MAX_TEXT])
        self._turn = asyncio.create_task(self._run(process, "" if has_place else given))

    def _with_task(self, text: str) -> str:
        """Who begins anew knows nothing of what it was asked first: a notice alone would be no task to it."""
        task, self._task = self._task, self._task or text
        return f"{task}\n\n{_SINCE}\n\n{text}" if task else text

    async def advise(self, text: str) -> Channel | None:  # noqa: ARG002 - the port's
        return None

    async def cancel(self) -> None:
        turn = self._turn
        if turn is not None and self._process is not None:
            self._is_cancelled = True
            await self._process.end()
            await asyncio.wait({turn})

    async def stop(self) -> None:
        await self.cancel()
        self._telling.close()

    def events(self) -> AsyncIterator[AgentEvent]:
        return self._telling.outbox.read()

    async def _run(self, process: Process, given: str) -> None:
        stream = Stream()
        feeding = asyncio.create_task(self._feed(process, given))
        reading = asyncio.create_task(self._read(process, stream))
        reason, phase = "", Phase.DONE
        try:
            why = await watch_process(process, reading, lambda: self._heard_at, self._limits)
            code = await end_process(process, reading)
            await asyncio.wait({feeding})
            reason, phase = self._judge(process, why or reading.result(), code)
        finally:
            reading.cancel()
            feeding.cancel()
            for event in stream.end():
                self._telling.outbox.put(event)
            self._turn = None
            self._telling.tell(Act.IDLE, phase, text=reason)

    def _judge(self, process: Process, why: str, code: int) -> tuple[str, Phase]:
        if self._is_cancelled:
            return "cancelled", Phase.DONE
        if why:
            self._telling.final_fault(f"{why}: its processes were killed")
            return why, Phase.FAILED
        if code != 0:
            words = f": {process.last_words}" if process.last_words else ""
            self._telling.final_fault(f"the agent's process ended (exit code {code}){words}")
            return f"exit code {code}", Phase.FAILED
        return "ended", Phase.DONE

    async def _feed(self, process: Process, text: str) -> None:
        try:
            if text:
                await process.write(f"{text}\n".encode("utf-8", "replace"))
        except ConnectionError:
            pass  # it may end without having read it all
        except TimeoutError:
            self._telling.fault("does not read its prompt")
        process.close_input()

    async def _read(self, process: Process, stream: Stream) -> str:
        try:
            async for line in process.lines():
                self._heard_at = asyncio.get_running_loop().time()
                self._take(line, stream)
        except FloodError:
            return "it printed more than it may"
        return ""

    def _take(self, line: bytes | Overlong, stream: Stream) -> None:
        if isinstance(line, Overlong):
            self._telling.fault(f"a line of more than {self._limits.line_bytes >> 10} KB was skipped")
            return
        fields = parse_object(line) if line.lstrip()[:1] == b"{" else None
        if fields is not None:
            self._learn_session(find_session(fields))
            self._telling.use(read_stream(fields))
            events = stream.take(fields, self._telling.about)
            if events is not None:
                for event in events:
                    self._telling.outbox.put(event)
                return
        self._keep(line)

    def _learn_session(self, told: str) -> None:
        """What the agent calls its session serves to go on with it; events stay under the id that we gave."""
        if told and not self._told:
            self._told = told
        elif told and told != self._told:
            self._telling.fault(f"speaks for a session that is not its own: {told[:100]!r}; taken as its own deeds")

    def _keep(self, line: bytes) -> None:
        """A line that nobody knows the meaning of, as words; so much of it and no more."""
        if self._said > self._limits.said_bytes or not line.strip():
            return
        self._said += len(line) + 1
        if self._said > self._limits.said_bytes:
            self._telling.fault(f"says more than {self._limits.said_bytes >> 10} KB in a turn: the rest is not kept")
            return
        self._telling.tell(Act.SAY, text=decode(line))
