"""What can be wrong with a tenant."""

from jazzaam.errors import ConfigurationError, Conflict, Forbidden, NotFound, Unavailable


class TenantNotFound(NotFound):
    """There is no such company."""


class TenantSuspended(Forbidden):
    """This company is suspended."""


class TenantNotReady(Unavailable):
    """This company is still being set up; try again in a moment."""


class TenantExists(Conflict):
    """This company exists already."""


class DatabaseExists(Conflict):
    """There is a database of this company's name already, and no company has it: move it away."""


class DatabaseLost(Conflict):
    """The company's database is not there: suspend the company, and import its capsule."""


class TenantBusy(Conflict):
    """Something else is being done with this company; wait for its end, or for its repair."""


class PoolExhausted(Unavailable):
    """Too many companies are at work at this moment; try again in a moment."""


class ClusterFull(Unavailable):
    """There is no room for another company at the moment."""


class ClusterUnknown(ConfigurationError):
    """The catalog names a cluster that is not configured."""


class ClusterSilent(ConfigurationError):
    """A cluster does not answer."""


class ClusterAway(Unavailable):
    """The database of this company cannot be reached just now; try again in a moment."""


class DeploymentUnfit(ConfigurationError):
    """This MongoDB deployment lacks something Jazzaam needs."""


class UnscopedAccess(Exception):
    """A collection that holds rows of several companies was opened without saying whose."""


class ConcurrentChange(Exception):
    """A database handle was used by another task while a change was running on it."""


class HandleReleased(Exception):
    """A database handle was used after it was given back."""
