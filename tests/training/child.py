"""``python -m tests.training.child INITIAL FOLDER``: a training that is killed in its midst."""

import sys
from pathlib import Path

from tests.training.trainings import train_sample

if __name__ == "__main__":
    train_sample(sys.argv[1], Path(sys.argv[2]), seconds_between_states=0)
