"""Token ids by transformers 4.57, which the environment of ``make baseline`` has.

``build/baseline/bin/python -m tests.tokens.hugging_face FOLDER`` prints those of a folder. Without
FOLDER, it writes the ids of all made folders into ``golden.npz``.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tests.tokens.folders import EQUAL, make_folder
from tests.tokens.lines import all_lines, has_control_token

GOLDEN = Path(__file__).parent / "golden.npz"


def token_ids(folder: Path, **options: Any) -> list[list[int]]:
    """Return the ids of every line, without [CLS] and [SEP].

    They are those of the fast class, which ``AutoTokenizer`` takes. In a line with the text of a
    control token, all special tokens are read as text, as we read control tokens.
    """
    import transformers  # only here, so that the tests can name the golden file without it

    transformers.logging.set_verbosity_error()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **options)
    return [
        tokenizer.encode(
            line, add_special_tokens=False, split_special_tokens=has_control_token(line)
        )
        for line in all_lines()
    ]


def write_golden(path: Path) -> None:
    """Write the ids of all lines in all made folders, one after another."""
    found = []
    with TemporaryDirectory() as folder:
        for number, case in enumerate(EQUAL):
            found.append(token_ids(make_folder(case, Path(folder, str(number))), **case.options))
    np.savez_compressed(
        path,
        names=[case.name for case in EQUAL],
        lengths=np.array([[len(ids) for ids in lines] for lines in found], np.uint16),
        ids=np.array([number for lines in found for ids in lines for number in ids], np.uint16),
    )


if __name__ == "__main__":
    if folders := sys.argv[1:]:
        print(json.dumps(token_ids(Path(folders[0]))))
    else:
        write_golden(GOLDEN)
