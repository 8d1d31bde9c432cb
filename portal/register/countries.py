"""Countries: plain data, no ORM."""

from __future__ import annotations

# Where no transfer in the sense of Art. 44 takes place.
COUNTRIES = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK"
EEA = frozenset(COUNTRIES.split())
