"""How figures are written, on the screen and on the page."""


def three_figures(value: float) -> str:
    """Return a number with three figures or more."""
    return f"{value:#.3g}" if value < 100 else f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


def level_of(kind: str, level: float) -> str:
    """Return a batch size, or a level of a "closed" or "open" loop, in words."""
    if kind == "batch":
        return f"batch {level:g}"
    if kind == "open":
        return f"{level:g} arrivals/s"
    return "1 user" if level == 1 else f"{level:g} users"
