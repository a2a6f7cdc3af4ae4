"""``python -m distill.stages STAGE SPEC``: see ``distill.stages.main``."""

import sys

from distill.lifetime import die_with_worker
from distill.startup import leave_out_compiler, look_for_garbage_less

if __name__ == "__main__":
    die_with_worker()
    look_for_garbage_less()
    leave_out_compiler()
    # Only now what takes a while to load: until here this process may outlive its worker, and meet the next one's.
    from distill.stages.main import main

    sys.exit(main(sys.argv[1:]))
