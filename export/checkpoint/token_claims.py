"""What files say about single tokens, and the check that it is true of the tokenizer."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Tokenizer

from export.checkpoint.errors import CheckpointError
from qa.tokenizer import CONTROL_TOKENS

_FLAGS = ("lstrip", "rstrip", "single_word", "normalized")


@dataclass(frozen=True)
class Claim:
    """What a file says about one token."""

    source: Path
    content: str
    id: int | None = None  # where it is said
    flags: AddedToken | None = None  # where they are said


def check_claims(tokenizer: Tokenizer, claims: Iterable[Claim]) -> None:
    """Raise CheckpointError, naming file and token, where ``tokenizer`` has it otherwise."""
    added = {token.content: token for token in tokenizer.get_added_tokens_decoder().values()}
    for claim in claims:
        number, token = tokenizer.token_to_id(claim.content), added.get(claim.content)
        if number is None or token is None:
            raise CheckpointError(
                f"{claim.source} names the token {claim.content!r}, which the tokenizer does not "
                f"have; save it again with tokenizer.save_pretrained"
            )
        if claim.id is not None and claim.id != number:
            raise CheckpointError(
                f"{claim.source} gives the token {claim.content!r} the id {claim.id}, but in the "
                f"tokenizer it is {number}; save it again with tokenizer.save_pretrained"
            )
        if claim.flags is None or claim.content in CONTROL_TOKENS:
            continue  # the text of a control token is never taken for it, whatever its flags
        for flag in _FLAGS:
            if (said := getattr(claim.flags, flag)) != getattr(token, flag):
                raise CheckpointError(
                    f"{claim.source}: {flag} of the token {claim.content!r} is {said}, in the "
                    f"tokenizer {not said}; save it again with tokenizer.save_pretrained"
                )
