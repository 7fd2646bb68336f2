import pytest
from acme_log import capture


@pytest.fixture
def records():
    with capture() as found:
        yield found
