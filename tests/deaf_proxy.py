"""A TCP proxy before MongoDB that can stop a change stream, and nothing else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

STREAM = (b"$changeStream", b"getMore")


class DeafProxy:
    """Passes everything on, until `deaf`: then what asks for a stream's events gets no answer."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self.port = 0
        self.deaf = False
        self.swallowed = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["DeafProxy"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        back = asyncio.create_task(self._pass(there_reader, writer))
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    head = await reader.readexactly(4)
                    message = head + await reader.readexactly(int.from_bytes(head, "little") - 4)
                    if self.deaf and any(word in message for word in STREAM):
                        self.swallowed += 1
                        continue
                    there_writer.write(message)
                    await there_writer.drain()
        finally:
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)
            there_writer.close()
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while some := await reader.read(1 << 16):
                writer.write(some)
                await writer.drain()
