"""What rates need, as a table."""

from collections.abc import Iterable

from rich.table import Table

from loadtest.capacity.need import Need

NOTE = "With one device and one core to spare. Gbit/s without headers and TLS."


def need_table(needs: Iterable[Need]) -> Table:
    """Return a line for each rate."""
    table = Table("questions/s", "devices", "gateway cores", "to Triton, Gbit/s", "clients, Gbit/s")
    for each in needs:
        table.add_row(
            f"{each.rate:,.0f}",
            f"{each.devices:,}",
            f"{each.gateway_cores:,}",
            f"{each.triton_bytes * 8 / 1e9:,.3g}",
            f"{each.client_bytes * 8 / 1e9:,.3g}",
        )
    return table
