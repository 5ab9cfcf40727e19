"""The paths that machines ask every few seconds: open to all, and not worth a line in the log."""

import re

#: Ours, those of KServe's protocol v2, and the model's of its v1.
PROBES = re.compile(r"(/v2)?/health/(live|ready)|/v2/models/[^/]+/ready|/v1/models/[^/]+")


def is_probe(path: str) -> bool:
    """Whether ``path`` only says how the gateway is."""
    return PROBES.fullmatch(path) is not None
