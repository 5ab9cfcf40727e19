"""The tensor contract: what every variant takes and gives, in every server.

Inputs are int32 ``[batch, sequence]``, right-padded with 0; outputs are float32
``[batch, sequence]``. The sequence length is a property of the exported model (Triton's
model metadata), never a constant here.
"""

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
