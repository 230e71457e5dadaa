from __future__ import annotations

import subprocess
import sys

from hybridplace.mock.aws import MockAws
from hybridplace.model.site import Market

from .conftest import POOLS, REGION, offer

OFFERS = (
    offer(price_usd_h=0.1),
    offer(market=Market.SPOT, price_usd_h=0.04),
    offer("c5.xlarge", price_usd_h=0.2),
    offer("c5.xlarge", Market.SPOT, price_usd_h=0.08, available=False),
)


def test_the_kit_as_a_user_runs_it(tmp_path):
    """The driver passes every check of the kit, none skipped, and leaves nothing behind."""
    with MockAws(offers=OFFERS, pools=POOLS) as aws:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += ["--pyargs", "hybridplace.testing", "--provider", "aws"]
        command += ["--provider-endpoint", aws.endpoint, "--provider-region", REGION]
        command += ["--provider-option", "instance_types=c5.large,c5.xlarge"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stdout
        assert () == aws.things()
    summary = done.stdout.splitlines()[-1]
    assert " passed" in summary
    assert "skipped" not in summary
