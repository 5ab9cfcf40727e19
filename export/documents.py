"""The table of variants in README.md: ``python -m export.documents`` rewrites it."""

from pathlib import Path

from export.variants import VARIANTS, Variant
from pages.markdown import with_part

README = Path(__file__).parents[1] / "README.md"

_PLACES = {"any": "CPU, GPU", "cpu": "CPU", "gpu": "GPU"}


def variants_table() -> str:
    """Return every variant as a table in Markdown."""
    lines = ["| variant | file | precision | runs on |", "|---|---|---|---|"]
    lines += (
        f"| `{each.name}` | `{each.runtime.file_name}` | {each.computes} | {_place(each)} |"
        for each in VARIANTS
    )
    return "\n".join(lines)


def _place(variant: Variant) -> str:
    """Return where a variant runs, with the CPU flags of which it needs one."""
    flags = " or ".join(f"`{flag}`" for flag in variant.cpu_flags)
    return _PLACES[variant.device] + (f" with {flags}" if flags else "")


def with_table(text: str) -> str:
    """Return ``text`` with the table in its place; raises ValueError when it has none."""
    return with_part(text, "variants", variants_table())


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
