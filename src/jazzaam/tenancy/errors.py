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


class ClusterUnknown(ConfigurationError):
    """The catalog names a cluster that is not configured."""


class DeploymentUnfit(ConfigurationError):
    """This MongoDB deployment lacks something Jazzaam needs."""


class UnscopedAccess(Exception):
    """A collection that holds rows of several companies was opened without saying whose."""


class ConcurrentChange(Exception):
    """A database handle was used by another task while a change was running on it."""
