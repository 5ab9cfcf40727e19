"""``python -m tests.tokens.compare FOLDER`` compares our token ids with transformers 4.57's.

They must be equal on 200 lines of mixed text (``tests.tokens.lines``), or the folder is refused.
transformers runs in the environment that ``make baseline`` makes.
"""

import json
import subprocess
import sys
from pathlib import Path

from export.checkpoint.errors import CheckpointError
from export.checkpoint.json_file import read_json
from export.checkpoint.tokenizer import read_tokenizer
from qa.tokenizer import text_tokenizer
from tests.tokens.lines import all_lines

BASELINE = Path("build/baseline/bin/python")


def token_ids(folder: Path) -> list[list[int]]:
    """Return the ids of every line as served; raises CheckpointError for a refused folder."""
    config = read_json(folder / "config.json")
    found = read_tokenizer(folder, config["vocab_size"], config)
    encodings = text_tokenizer(found.text).encode_batch(all_lines(), add_special_tokens=False)
    return [encoding.ids for encoding in encodings]


def main(folder: Path) -> int:
    """Compare, and print what differs; return the exit status."""
    try:
        ours = token_ids(folder)
    except CheckpointError as error:
        print(f"refused: {error}")
        return 0
    command = [str(BASELINE), "-m", "tests.tokens.hugging_face", str(folder)]
    result = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    different = 0
    for line, found, expected in zip(all_lines(), ours, json.loads(result.stdout), strict=True):
        if found != expected:
            different += 1
            print(f"{line!r}: {found}, by transformers {expected}")
    print(f"{len(ours)} lines, {different} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
