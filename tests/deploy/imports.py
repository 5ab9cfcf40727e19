"""Run inside the gateway's image: import all of it, and say what is installed and how large."""

import importlib
import json
import pkgutil
import sys
import sysconfig
from importlib.metadata import distributions
from pathlib import Path

SITE = Path(sysconfig.get_path("purelib"))
OURS = ("qa", "embedded", "serving")

imported = []
for package in OURS:
    for module in pkgutil.walk_packages([str(SITE / package)], f"{package}."):
        if not module.name.startswith("embedded.backends"):  # they run in Triton
            importlib.import_module(module.name)
            imported.append(module.name)

json.dump(
    {
        "imported": imported,
        "bytes": sum(file.lstat().st_size for file in SITE.rglob("*")),
        "folders": sorted(folder.name for folder in SITE.iterdir()),
        "installed": {each.name.lower(): each.version for each in distributions(path=[str(SITE)])},
    },
    sys.stdout,
)
