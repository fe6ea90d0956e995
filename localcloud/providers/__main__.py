"""`python -m localcloud.providers`."""

import sys

from localcloud.providers.server import main

sys.exit(main())
