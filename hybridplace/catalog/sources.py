"""Where the facts come from, by the code that they carry, and the few that have no file."""

from __future__ import annotations

ORIGINS: dict[str, tuple[str, str]] = {
    "aws-ec2shop": ("EC2 on-demand list prices, AWS's public feed through yeo/ec2.shop", "MIT"),
    "aws-karpenter": (
        "EC2 on-demand list prices, through aws/karpenter-provider-aws",
        "Apache-2.0",
    ),
    "aws-skypilot-v8": (
        (
            "EC2 prices of P-series machines, through skypilot-org/skypilot-catalog (v8, undated);"
            " spot is the lowest of the region's zones"
        ),
        "Apache-2.0",
    ),
    "aws-spot-derived": (
        (
            "the on-demand price less the saving of AWS Spot Advisor 2025-06-28, in whole per cent,"
            " through alexei-led/spotinfo; an estimate, no auction price"
        ),
        "Apache-2.0",
    ),
    "aws-spot-advisor": (
        "AWS Spot Advisor, Linux, through alexei-led/spotinfo",
        "Apache-2.0",
    ),
    "az-karpenter": (
        "Azure Retail Prices API, through Azure/karpenter-provider-azure",
        "Apache-2.0",
    ),
    "az-skypilot-v6": (
        "Azure spot prices, through skypilot-org/skypilot-catalog (v6, undated)",
        "Apache-2.0",
    ),
    "gcp-karpenter": (
        (
            "Google Cloud Billing SKUs, through cloudpilot-ai/karpenter-provider-gcp and"
            " Cyclenerd/google-cloud-pricing-cost-calculator"
        ),
        "Apache-2.0",
    ),
    "gcp-skypilot-v8": (
        "Google Cloud prices of TPUs and GPUs, through skypilot-org/skypilot-catalog (v8, undated)",
        "Apache-2.0",
    ),
    "gcp-skypilot-v8+gcp-karpenter": (
        "an N1 machine and the GPUs attached to it, from both of the sources so named",
        "Apache-2.0",
    ),
    "geo": ("city coordinates to two decimals and ISO country codes, collected by hand", "facts"),
    "country-mix": (
        (
            "carbon intensity of the country's electricity, Our World in Data / Ember, through"
            " codecarbon 3.3.2"
        ),
        "CC BY 4.0",
    ),
    "pue-region": ("power usage effectiveness of the region, disclosed by the provider", "facts"),
    "pue-fleet": ("power usage effectiveness of the provider's whole fleet", "facts"),
    "datasheet": ("makers' data sheets, collected by hand and not checked again", "facts"),
    "skyplane-aws-transfer": (
        "EC2 data transfer list prices, through skyplane-project/skyplane",
        "Apache-2.0",
    ),
    "skyplane-cost-grid": (
        (
            "Google Cloud prices between regions, through skyplane-project/skyplane; repriced by"
            " Google in 2024-02"
        ),
        "Apache-2.0",
    ),
    "gcp-cyclenerd": (
        (
            "Google Cloud internet egress, premium tier, through"
            " Cyclenerd/google-cloud-pricing-cost-calculator"
        ),
        "Apache-2.0",
    ),
    "azure-bandwidth-zones": ("Azure bandwidth price card, zones 1 to 3", "facts"),
    "skyplane-latency": (
        "ping between virtual machines, measured by skyplane-project/skyplane",
        "Apache-2.0",
    ),
    "skyplane-2022-01": (
        "iperf3, one pair of machines, 64 TCP flows, by skyplane-project/skyplane",
        "Apache-2.0",
    ),
    "skyplane-gcp-2022-04": (
        "iperf3, one pair of machines, 64 TCP flows, by skyplane-project/skyplane",
        "Apache-2.0",
    ),
    "skyplane-2022-11": (
        "iperf3, one pair of machines, 64 TCP flows, by skyplane-project/skyplane",
        "Apache-2.0",
    ),
    "disk-list-price": ("the provider's price list for general purpose SSD", "facts"),
    "address-list-price": ("the provider's price list for a public IPv4 address in use", "facts"),
}
"""What each source is, and the licence of the collection it was taken from."""

EXTRAS: dict[str, dict[str, tuple[float, str]]] = {
    "aws": {
        "disk_usd_gib_month": (0.08, "2020-12"),
        "address_usd_h": (0.005, "2024-02-01"),
    },
    "azure": {
        "disk_usd_gib_month": (0.075, "2026-10-16"),
        "address_usd_h": (0.005, "2026-10-16"),
    },
    "gcp": {
        "disk_usd_gib_month": (0.10, "2023-05"),
        "address_usd_h": (0.005, "2026-10-16"),
    },
}
"""List prices with their dates, one figure per provider and taken in its cheapest US region.

Disks: AWS gp3, Azure Standard SSD (E4: 2.40 USD for 32 GiB), Google balanced persistent disk; all
three are sized in GiB. Addresses: a public IPv4 address on a running machine.
"""


def first_day(as_of: str) -> str:
    """Return a whole date: of a month or year its first day, so that nothing looks newer."""
    return as_of + "0000-01-01"[len(as_of) :]


class Sources:
    """The table of sources of a snapshot as it grows; rows refer to it by index."""

    def __init__(self) -> None:
        self._index: dict[tuple[str, str], int] = {}

    def index(self, code: str, as_of: str) -> int:
        """Return the index of a source at a date."""
        return self._index.setdefault((code, as_of), len(self._index))

    def rows(self) -> list[dict[str, str]]:
        """Return the table."""
        return [
            {"code": code, "as_of": as_of, "origin": ORIGINS[code][0], "licence": ORIGINS[code][1]}
            for code, as_of in self._index
        ]
