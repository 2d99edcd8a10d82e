"""What all tests share."""

import os
import signal
from pathlib import Path

import pytest

# A shell starts what runs in its background deaf to Ctrl-C, and what the tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

CHECKOUT = Path(__file__).resolve().parent.parent
SHARED_DATA = CHECKOUT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real corpora beside the checkout.

    A test that needs it is skipped where it is absent, or fails there if BELLE_REQUIRE_DATA is set, so that CI cannot
    pass by skipping.
    """
    if SHARED_DATA.is_dir():
        return SHARED_DATA
    reason = "needs the corpora in ../shared/data beside the checkout"
    if os.environ.get("BELLE_REQUIRE_DATA"):
        pytest.fail(f"{reason}, and BELLE_REQUIRE_DATA is set")
    pytest.skip(reason)
