"""The paths of probes, which come every few seconds: open to all, and logged at debug level."""

import re

#: Ours, those of KServe's protocol v2, and that of a model in its v1.
PROBES = re.compile(r"(/v2)?/health/(live|ready)|/v2/models/[^/]+/ready|/v1/models/[^/]+")


def is_probe(path: str) -> bool:
    """Whether ``path`` is a probe's."""
    return PROBES.fullmatch(path) is not None
