"""The flags that KServe adds to a transformer's command, read as our settings.

KServe appends --model_name, --predictor_host and --http_port unless the command has them, and
--protocol where it uses ModelMesh (pkg/apis/serving/v1beta1/transformer_custom.go). Users give
--predictor_protocol and --predictor_use_ssl to KServe's own servers.
"""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

SETTINGS = {"model_name": "model_name", "predictor_host": "triton_urls", "http_port": "port"}
PROTOCOL = "grpc-v2"  # the one that the gateway speaks to Triton


class KServeError(Exception):
    """A flag asks for a protocol or a transport that the gateway does not speak."""


def split(arguments: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the settings that KServe's flags give, and the other arguments.

    Raises KServeError for a protocol or a transport that the gateway does not speak.
    """
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in SETTINGS:
        parser.add_argument(f"--{flag}")
    parser.add_argument("--protocol", "--predictor_protocol", default=PROTOCOL)
    parser.add_argument("--predictor_use_ssl", default="false")
    theirs, ours = parser.parse_known_args(arguments)
    if theirs.protocol != PROTOCOL:
        raise KServeError(
            f"--predictor_protocol={theirs.protocol!r}: the gateway speaks {PROTOCOL} only"
        )
    if theirs.predictor_use_ssl.lower() not in ("false", "0", "no"):
        raise KServeError(
            f"--predictor_use_ssl={theirs.predictor_use_ssl!r}: the gateway speaks to Triton "
            "without TLS only; leave it to the service mesh"
        )
    given = {name: getattr(theirs, flag) for flag, name in SETTINGS.items()}
    return {name: value for name, value in given.items() if value is not None}, ours
