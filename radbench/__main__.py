"""``python -m radbench``."""

from radbench.cli import main

if __name__ == "__main__":
    main()
