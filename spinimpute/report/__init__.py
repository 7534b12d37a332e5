"""Self-contained HTML pages with plots: of an evaluation, and of a run without truth."""
