"""Result files as a page with tables and plots, and as ratios."""
