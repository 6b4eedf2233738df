"""A real worker or relay process, with jobs made for tests beside the features' own.

`python -m tests.jobs.process worker|relay`; settings come from the environment.
"""

import asyncio
import sys

from tests.jobs.conftest import TESTED

from jazzaam import features, worker
from jazzaam.composition import compose
from jazzaam.config import read_settings
from jazzaam.jobs.registry import Registry
from jazzaam.logging import configure_logging


async def main(role):
    configure_logging(json=True)
    application = compose(read_settings(), jobs=Registry([*features.registry().jobs, *TESTED.jobs]))
    await {"worker": worker.run_worker, "relay": worker.run_relay}[role](application)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
