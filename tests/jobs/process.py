"""A real worker or relay process, with jobs made for tests beside the features' own.

`python -m tests.jobs.process worker|relay`; settings come from the environment.
"""

import asyncio
import sys
from dataclasses import replace
from datetime import timedelta

from tests.jobs.conftest import TESTED

from jazzaam import features, worker
from jazzaam.composition import compose
from jazzaam.config import read_settings
from jazzaam.jobs.registry import Registry
from jazzaam.jobs.retry import RetryPolicy
from jazzaam.logging import configure_logging

PATIENT = RetryPolicy(attempts=50, longest=timedelta(seconds=5))
"""A worker that is killed costs the jobs it had a try: here many are killed."""


async def main(role):
    configure_logging(json=True)
    own = features.registry().jobs
    tested = [replace(one, retry=PATIENT) for one in TESTED.jobs if one not in own]
    application = compose(read_settings(), jobs=Registry([*own, *tested]))
    await {"worker": worker.run_worker, "relay": worker.run_relay}[role](application)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
