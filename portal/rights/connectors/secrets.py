"""What the policy only names: passwords and tokens of other systems, from the environment of the workers."""

from __future__ import annotations

import os
from pathlib import Path

from django.utils.translation import gettext as _

from portal.rights.connectors.values import NoAnswer


def read(name: str) -> str:
    """Return a secret from its variable, or from the file that `<name>_FILE` names; raises NoAnswer."""
    if value := os.environ.get(name, ""):
        return value
    try:
        return Path(os.environ[f"{name}_FILE"]).read_text(encoding="utf-8").strip()
    except (KeyError, OSError) as error:
        raise NoAnswer(_("Daylight has no way to sign in there: %(name)s is not set.") % {"name": name}) from error
