"""What files say about single tokens, and the check that the tokenizer agrees."""

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
    id: int | None = None  # None where the file does not say it
    flags: AddedToken | None = None  # None where the file does not say them


def check_claims(tokenizer: Tokenizer, claims: Iterable[Claim]) -> None:
    """Raise CheckpointError, naming file and token, where ``tokenizer`` does not agree."""
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
            continue  # a control token is never recognised in a text, whatever its flags
        for flag in _FLAGS:
            if (said := getattr(claim.flags, flag)) != getattr(token, flag):
                raise CheckpointError(
                    f"{claim.source}: {flag} of the token {claim.content!r} is {said}, in the "
                    f"tokenizer {not said}; save it again with tokenizer.save_pretrained"
                )
