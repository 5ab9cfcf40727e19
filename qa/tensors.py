"""The tensor contract: what every variant takes and gives, in every server.

Inputs are int32 ``[rows, length]``, right-padded with 0; outputs are float32 ``[rows, length]``.
The length is free, up to the model's sequence length. That length, how far a client should pad,
and how many rows it may send in one request are parameters of the model's config.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

INPUT_IDS = "input_ids"
ATTENTION_MASK = "attention_mask"
TOKEN_TYPE_IDS = "token_type_ids"
INPUTS = (INPUT_IDS, ATTENTION_MASK, TOKEN_TYPE_IDS)

START_LOGITS = "start_logits"
END_LOGITS = "end_logits"
OUTPUTS = (START_LOGITS, END_LOGITS)

#: The logit that our backends give at padding, which they do not compute. Native backends
#: compute something there; a reader of logits must not look at padding in either case.
PADDING_LOGIT = -10_000.0


class ContractError(ValueError):
    """A model whose config or outputs do not keep the contract; the message says how."""


@dataclass(frozen=True)
class RequestShape:
    """What one request to a model may look like: the parameters of its ``config.pbtxt``."""

    sequence_length: int  # tokens of the longest row
    pad_to_multiple_of: int  # rows are padded to a multiple of this, or to the sequence length
    max_rows: int  # of one request

    def padded(self, tokens: int) -> int:
        """Return the length to which a row of ``tokens`` tokens is padded."""
        multiple = -(-tokens // self.pad_to_multiple_of) * self.pad_to_multiple_of
        return min(multiple, self.sequence_length)

    def parameters(self) -> dict[str, str]:
        """Return the parameters of the config, by name."""
        return {name: str(value) for name, value in asdict(self).items()}


def read_request_shape(parameters: Mapping[str, str]) -> RequestShape:
    """Return what the ``parameters`` of a model's config say.

    Raises ContractError when one is missing or is not a whole number of at least 1.
    """
    return RequestShape(
        **{name: _number(parameters, name) for name in RequestShape.__annotations__}
    )


def _number(parameters: Mapping[str, str], name: str) -> int:
    value = parameters.get(name)
    if value is None:
        raise ContractError(f"its config.pbtxt has no parameter {name}; make export writes it")
    if not value.isdecimal() or int(value) < 1:
        raise ContractError(f"parameter {name} of its config.pbtxt is {value!r}, not 1 or more")
    return int(value)
