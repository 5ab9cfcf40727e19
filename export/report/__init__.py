"""The report of an export: what it records, and the page that shows it."""
