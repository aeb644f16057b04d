import pytest

from tests.observability.prometheus import Binaries, binaries


@pytest.fixture(scope="session")
def tools() -> Binaries:
    """Prometheus and promtool; a machine that can't have them fails the tests, and says why."""
    return binaries()
