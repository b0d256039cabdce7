"""``python -m ifi_mri`` is the command ``ifi-mri``."""

import sys

from ifi_mri.cli import main

sys.exit(main())
