"""Which legal areas a country belongs to, and which group of countries its networks go with."""

from __future__ import annotations

_EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"

EU = frozenset(_EU.split())
"""Member states of the European Union since 2020-02-01."""

EEA = EU | {"IS", "LI", "NO"}
"""The European Union, Iceland, Liechtenstein and Norway (EEA Agreement); not Switzerland."""

PARTITIONS = {
    "aws-eusc": "EU_SOVEREIGN",
    "aws-us-gov": "US_GOV",
    "azure-us-gov": "US_GOV",
}
"""Legal areas of parts of a cloud that are run apart from the rest, by partition."""

_GROUPS = {
    "AF": "AO BF BI BJ BW CD CF CG CI CM DJ DZ EG ER ET GA GH GM GN GQ GW KE LR LS LY MA MG ML MR"
    " MU MW MZ NA NE NG RW SC SD SL SN SO SS SZ TD TG TN TZ UG ZA ZM ZW",
    "EA": "BN CN HK ID JP KH KR LA MM MN MO MY PH SG TH TL TW VN",
    "EU": "AD AL AM AT AX AZ BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GE GG GI GR HR HU IE IM"
    " IS IT JE LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SK SM TR UA VA XK",
    "IN": "AF BD BT IN LK MV NP PK",
    "ME": "AE BH IL IQ IR JO KW LB OM PS QA SA SY YE",
    "NA": "BM CA GL MX US",
    "OC": "AU FJ NC NZ PF PG",
    "SA": "AR BO BR CL CO EC GF GY PE PY SR UY VE",
}
_GROUP_OF = {country: group for group, line in _GROUPS.items() for country in line.split()}


def jurisdictions(country: str, partition: str = "") -> tuple[str, ...]:
    """Return the country and the legal areas it is in, as ``DE, EU, EEA``."""
    areas = [("EU", country in EU), ("EEA", country in EEA)]
    special = PARTITIONS.get(partition)
    return (country, *(name for name, inside in areas if inside), *([special] if special else []))


def network_group(country: str) -> str | None:
    """Return the group that the latency fit puts a country in; None for one it has none for.

    AF Africa, EA East and South-East Asia, EU Europe, IN South Asia, ME Middle East, NA North
    America, OC Oceania, SA South America.
    """
    return _GROUP_OF.get(country)
