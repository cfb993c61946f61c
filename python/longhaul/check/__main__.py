"""`python -m longhaul.check --command "python train.py"`."""

import sys

from .checks import main

if __name__ == "__main__":
    sys.exit(main())
