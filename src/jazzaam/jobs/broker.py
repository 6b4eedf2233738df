"""How messages get from relays to workers: Taskiq's brokers, of which only the transport is used.

A message is bytes of ours. It is acknowledged when it is received: whether a job is done is known by its
row alone, so a broker that loses messages or brings them twice costs time, never a job.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final
from urllib.parse import urlsplit

from nats.js.api import RetentionPolicy, StreamConfig
from taskiq import AckableMessage, AsyncBroker, BrokerMessage
from taskiq_aio_pika import AioPikaBroker, Exchange, Queue, QueueType
from taskiq_nats import PullBasedJetStreamBroker
from taskiq_redis import RedisStreamBroker

_ANSWER_SECONDS: Final = 10.0
_KEPT_MESSAGES: Final = 10_000
"""How many messages a broker keeps at most; a relay hands over far fewer."""
_READ_MS: Final = 1_000


class MemoryBroker(AsyncBroker):
    """Messages within one process; whoever sends waits while too many wait to be taken."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(size)

    async def kick(self, message: BrokerMessage) -> None:
        """Put a message in the queue."""
        await self._waiting.put(message.message)

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """Take messages as they come."""
        while True:
            yield await self._waiting.get()


class _RabbitBroker(AioPikaBroker):
    """RabbitMQ's, which closes also what is broken: its connections would go on by themselves."""

    async def shutdown(self) -> None:
        """Close both connections, and with them their channels."""
        for connection in (self.read_conn, self.write_conn):
            if connection is not None:
                with contextlib.suppress(Exception):
                    await connection.close()


class Broker:
    """A connection to a broker, made at first use and made anew when it broke.

    `make` gives a broker that is not started. Every wait ends.
    """

    def __init__(self, make: Callable[[], AsyncBroker]) -> None:
        self._make = make
        self._broker: AsyncBroker | None = None
        self._starting = asyncio.Lock()

    async def reach(self) -> None:
        """Find out whether there is a broker; raises its error, or `TimeoutError` after 10 seconds."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._started()
        finally:
            await self.close()

    async def send(self, message: bytes) -> None:
        """Hand a message over; raises the broker's error, also when it does not answer in 10 seconds."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                broker = await self._started()
                await broker.kick(BrokerMessage(task_id="", task_name="job", message=message, labels={}))
        except BaseException:
            await self.close()
            raise

    async def receive(self) -> AsyncGenerator[bytes]:
        """Take messages as they come, until it is closed; ends with the broker's error when that fails."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                broker = await self._started()
            async with aclosing(broker.listen()) as messages:
                async for message in messages:
                    if isinstance(message, AckableMessage):
                        acknowledged = message.ack()
                        if acknowledged is not None:
                            await acknowledged
                        yield message.data
                    else:
                        yield message
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the connection; the next use makes another."""
        broker, self._broker = self._broker, None
        if broker is not None:
            await _shut(broker)

    async def _started(self) -> AsyncBroker:
        async with self._starting:
            if self._broker is None:
                broker = self._make()
                broker.is_worker_process = True  # RabbitMQ's listens in no other
                try:
                    await broker.startup()
                except BaseException:
                    await _shut(broker)  # it may have opened something already
                    raise
                self._broker = broker
            return self._broker


async def _shut(broker: AsyncBroker) -> None:
    if not isinstance(broker, MemoryBroker):
        with contextlib.suppress(Exception, TimeoutError):
            async with asyncio.timeout(_ANSWER_SECONDS / 5):
                await broker.shutdown()


def broker_at(url: str | None, name: str, slots: int) -> Broker:
    """Give the broker of a URL; without one, messages stay in this process.

    `name` tells this installation's messages from another's on the same broker. Raises `ValueError` for a
    URL of no known broker.
    """
    if url is None:
        within = MemoryBroker(2 * slots)
        return Broker(lambda: within)
    queue, scheme = f"{name}.jobs", urlsplit(url).scheme
    if scheme in ("redis", "rediss"):
        return Broker(lambda: _redis(url, queue))
    if scheme in ("amqp", "amqps"):
        return Broker(lambda: _rabbitmq(url, queue))
    if scheme in ("nats", "tls"):
        return Broker(lambda: _nats(url, queue))
    raise ValueError(f"there is no broker for {scheme}://")


def _redis(url: str, queue: str) -> AsyncBroker:
    return RedisStreamBroker(
        url,
        queue_name=queue,
        consumer_group_name="workers",
        consumer_id="0",
        maxlen=_KEPT_MESSAGES,
        xread_block=_READ_MS,
        xread_count=1,
        unacknowledged_lock_timeout=_ANSWER_SECONDS,
        socket_connect_timeout=_ANSWER_SECONDS / 2,
        socket_timeout=_ANSWER_SECONDS,
    )


def _rabbitmq(url: str, queue: str) -> AsyncBroker:
    return _RabbitBroker(
        url,
        qos=1,
        exchange=Exchange(name=queue),
        task_queues=[Queue(name=queue, type=QueueType.CLASSIC, arguments={"x-max-length": _KEPT_MESSAGES})],
        dead_letter_queue=Queue(
            name=f"{queue}.dead", type=QueueType.CLASSIC, arguments={"x-max-length": _KEPT_MESSAGES}
        ),
        timeout=_ANSWER_SECONDS / 2,
    )


def _nats(url: str, queue: str) -> AsyncBroker:
    subject = queue.replace(".", "_")
    kept = StreamConfig(retention=RetentionPolicy.WORK_QUEUE, max_msgs=_KEPT_MESSAGES)
    return PullBasedJetStreamBroker(
        url,
        subject=subject,
        stream_name=subject,
        durable="workers",
        stream_config=kept,
        pull_consume_timeout=_READ_MS / 1000,
        connect_timeout=_ANSWER_SECONDS / 2,
        allow_reconnect=False,
    )
