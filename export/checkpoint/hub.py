"""Where a checkpoint is: a path on this machine, or a repository of the Hugging Face hub."""

import re
from dataclasses import dataclass
from pathlib import Path

from export.checkpoint.config import FILE_NAME as CONFIG
from export.checkpoint.config import config_of
from export.checkpoint.errors import CheckpointError
from export.checkpoint.json_file import read_json
from export.checkpoint.other_formats import (
    PICKLE,
    describe,
    transformers_conversion,
    weight_pickles,
)
from export.checkpoint.reader import checkpoint_exists
from export.checkpoint.tokenizer import FILES as TOKENIZER_FILES
from export.checkpoint.weights import FILE_NAME as WEIGHTS
from export.checkpoint.weights import INDEX

# nothing else is downloaded, so never a pickle; the patterns begin at the repository's root
_SMALL = (CONFIG, *TOKENIZER_FILES)
_LARGE = (WEIGHTS, INDEX, "model-*.safetensors")

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Source:
    """A checkpoint, and where it is on this machine."""

    path: Path  # for export.checkpoint.reader.read_checkpoint
    name: str  # as the user gave it
    revision: str | None = None  # the hub's commit; None for a path


def resolve(name: str, revision: str | None = None) -> Source:
    """Return where the checkpoint ``name`` is, downloaded into the hub's cache if need be.

    A path that exists goes first; otherwise ``owner/name`` is a repository of the hub, at
    ``revision`` (a branch, a tag or a commit; ``main`` if None). When the hub cannot be reached,
    the cache is used. Raises CheckpointError when the repository or revision does not exist or may
    not be read, when it has another architecture, or when it has weights only as pickles.
    """
    path = Path(name).expanduser()
    if path.exists() or checkpoint_exists(path) or not _REPOSITORY.fullmatch(name):
        if revision:
            raise CheckpointError(
                f"{name} is a path, so it has no revision {revision!r}; "
                f"only a repository of the hub, owner/name, has revisions"
            )
        return Source(path, name)
    folder = _download(name, revision)
    return Source(folder, name, revision=folder.name)


def _download(name: str, revision: str | None) -> Path:
    """Return the cache's folder with the files of a commit; its name is the commit's."""
    from huggingface_hub import list_repo_files, snapshot_download
    from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError is its client's
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        HTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=[*_SMALL]))
        if (config := folder / CONFIG).is_file():
            config_of(config, read_json(config))  # refuses other models before their download
        snapshot_download(name, revision=folder.name, allow_patterns=[*_LARGE])
        if not any((folder / file).is_file() for file in (WEIGHTS, INDEX)):
            raise _without_weights(name, folder.name, list_repo_files(name, revision=folder.name))
    except GatedRepoError as error:
        raise CheckpointError(
            f"{name} is gated: accept its terms on its page of the hub, and set HF_TOKEN to a "
            f"token of your account"
        ) from error
    except RepositoryNotFoundError as error:
        raise CheckpointError(
            f"{name} is neither a path on this machine nor a repository of the hub that you may "
            f"read; if it is private, set HF_TOKEN to a token that may"
        ) from error
    except RevisionNotFoundError as error:
        raise CheckpointError(f"{name} has no revision {revision!r} on the hub") from error
    except HFValidationError as error:
        raise CheckpointError(
            f"{name} is not a path on this machine, nor a name that the hub allows"
        ) from error
    except HfHubHTTPError as error:
        raise CheckpointError(
            f"the hub refuses {name} with status {error.response.status_code}; "
            f"check HF_TOKEN, or try again later"
        ) from error
    except (LocalEntryNotFoundError, ConnectionError, HTTPError) as error:
        raise CheckpointError(
            f"{name} is not a path on this machine, and the hub cannot be reached "
            f"({_reason(error)}); check the network, or give a folder"
        ) from error
    except OSError as error:
        raise CheckpointError(f"cannot store {name} in the hub's cache: {error}") from error
    return folder


def _without_weights(name: str, commit: str, files: list[str]) -> CheckpointError:
    pickles = weight_pickles(files)
    target = name.partition("/")[2]
    if not pickles:
        found = describe(name, files, target)
        other = f", but {found}" if found else ""
        return CheckpointError(f"{name} has no {WEIGHTS} at {commit}{other}")
    return CheckpointError(
        f"{name} has its weights only in {pickles[0]}, {PICKLE}; convert it, then give "
        f"CHECKPOINT={target}: {transformers_conversion(name, target, commit)}"
    )


def _reason(error: BaseException) -> str:
    """Return the first line of the message at the root of ``error``."""
    while error.__cause__:
        error = error.__cause__
    return (str(error) or type(error).__name__).splitlines()[0]
