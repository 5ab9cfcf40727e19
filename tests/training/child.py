"""``python -m tests.training.child INITIAL FOLDER SETTING...``: a training in a process of its own.

A test may kill it at any time, or have torchrun start several.
"""

import sys
from pathlib import Path

from tests.training.trainings import train_sample
from training.place import find_place

if __name__ == "__main__":
    initial, folder, *settings = sys.argv[1:]
    train_sample(initial, Path(folder), *settings, place=find_place(), seconds_between_states=0)
