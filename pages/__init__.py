"""HTML pages of tables, facts and plots, whatever they are about."""
