"""Reports, whatever they are about: HTML pages of tables, facts and plots, and the terminal."""
