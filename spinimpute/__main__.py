"""Run the command line as ``python -m spinimpute``."""

from __future__ import annotations

from spinimpute.cli import main

if __name__ == "__main__":
    main()
