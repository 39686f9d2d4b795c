"""Without keys the gateway is for this machine alone."""

import pytest

from asr_pipeline.api.binding import require_safe_binding
from asr_pipeline.domain.errors import SetupError


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_this_machine_is_always_safe(host: str) -> None:
    require_safe_binding(host, has_keys=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", ""])  # noqa: S104 - refused
def test_others_are_only_where_callers_have_keys(host: str) -> None:
    with pytest.raises(SetupError, match="this machine alone"):
        require_safe_binding(host, has_keys=False)
    require_safe_binding(host, has_keys=True)
