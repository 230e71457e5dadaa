"""Tables of facts: accelerators by AWS's names, and the vCPU quota that each family counts on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hybridplace.model.site import Market

ACCELERATORS: Mapping[str, str] = {
    "A10G": "A10G",
    "B200": "B200",
    "B300": "B300",
    "Gaudi HL-205": "Gaudi-HL205",
    "H100": "H100-SXM",
    "H200": "H200-SXM",
    "Inferentia": "Inferentia1",
    "Inferentia2": "Inferentia2",
    "K80": "K80",
    "L4": "L4",
    "L40S": "L40S",
    "M60": "M60",
    "Qualcomm AI100": "Qualcomm-AI100",
    "RTX PRO 4500": "RTX-PRO-4500-BSE",
    "RTX PRO Server 6000": "RTX-PRO-6000-BSE",
    "Radeon Pro V520": "Radeon-Pro-V520",
    "T4": "T4",
    "T4g": "T4G",
    "Trainium": "Trainium1",
    "Trainium2": "Trainium2",
    "U30": "Xilinx-U30",
    "Virtex UltraScale+ (VU47P)": "FPGA-VU47P",
}
"""Catalog names of the accelerators that come in one size, by AWS's name."""

SIZED: Mapping[tuple[str, int], str] = {
    ("A100", 40): "A100-40GB",
    ("A100", 80): "A100-80GB",
    ("V100", 16): "V100-16GB",
    ("V100", 32): "V100-32GB",
}
"""Catalog names of the accelerators that come in several sizes, by AWS's name and GiB."""

QUOTAS: Mapping[tuple[str, Market], str] = {
    ("standard", Market.ON_DEMAND): "L-1216C47A",
    ("standard", Market.SPOT): "L-34B43A08",
    ("g", Market.ON_DEMAND): "L-DB2E81BA",
    ("g", Market.SPOT): "L-3819A6DF",
    ("p", Market.ON_DEMAND): "L-417A185B",
    ("p", Market.SPOT): "L-7212CCBC",
    ("p5", Market.ON_DEMAND): "L-417A185B",
    ("p5", Market.SPOT): "L-C4BD4855",
    ("f", Market.ON_DEMAND): "L-74FC7D96",
    ("f", Market.SPOT): "L-88CF9481",
    ("x", Market.ON_DEMAND): "L-7295265B",
    ("x", Market.SPOT): "L-E3A00192",
    ("inf", Market.ON_DEMAND): "L-1945791B",
    ("inf", Market.SPOT): "L-B5D1601B",
    ("trn", Market.ON_DEMAND): "L-2C3B7624",
    ("trn", Market.SPOT): "L-6B0D517C",
    ("dl", Market.ON_DEMAND): "L-6E869C2A",
    ("dl", Market.SPOT): "L-85EED4F7",
    ("p6", Market.ON_DEMAND): "L-417A185B",
}
"""Service Quotas codes that count vCPUs, by family and market; p6 spot is not known to us."""

_DEVICES = {
    "GpuInfo": "Gpus",
    "NeuronInfo": "NeuronDevices",
    "InferenceAcceleratorInfo": "Accelerators",
    "FpgaInfo": "Fpgas",
    "MediaAcceleratorInfo": "Accelerators",
}
_STANDARD = frozenset("acdhimrtz")


def family_of(instance_type: str) -> str | None:
    """Return the quota family of an instance type, as ``g`` of ``g5.xlarge``; None is unknown."""
    match = re.match(r"([a-z]+)(\d*)", instance_type)
    if match is None:
        return None
    letters, generation = match[1], match[2]
    for name in ("inf", "trn", "dl", "hpc", "mac"):
        if letters.startswith(name):
            return name
    if letters.startswith("p") and generation in ("5", "6"):
        return f"p{generation}"
    if letters in ("g", "gr", "vt"):
        return "g"
    if letters in ("p", "f", "x"):
        return letters
    return "standard" if letters[0] in _STANDARD else None


def quota_code(instance_type: str, market: Market) -> str | None:
    """Return the quota that machines of this type count on; None if we know none."""
    return QUOTAS.get((family_of(instance_type) or "", market))


def accelerators_of(spec: Mapping[str, Any]) -> tuple[str | None, int]:
    """Return the catalog name and the number of accelerators in an instance type description.

    An unknown one keeps AWS's name. A fraction of one counts as none: a job that was promised a
    whole accelerator must not land there.
    """
    for info, items in _DEVICES.items():
        for device in spec.get(info, {}).get(items, ()):
            if device.get("GpuPartitionSize", 1) < 1:
                return None, 0
            size_gib = round(device.get("MemoryInfo", {}).get("SizeInMiB", 0) / 1024)
            name = SIZED.get((device["Name"], size_gib)) or ACCELERATORS.get(device["Name"])
            return name or device["Name"], int(device["Count"])
    return None, 0
