"""A group of three processes that runs until something ends it, as a script:

    python long_group.py waiting|computing [without prctl] [held]

It prints the process ids of the ranks. "waiting": the ranks meet at one barrier after another;
"computing": those of rank 1 and 2 compute without end. "held": another process has the pipes of
rank 0 open for three seconds. After Ctrl-C the script prints "interrupted".
"""

import os
import sys
import time

import numpy as np

from scratchnet.parallel import process_group, run


def work(group):
    ids = np.zeros(group.size)
    ids[group.rank] = os.getpid()
    ids = group.all_reduce(ids)
    if group.rank == 0:
        if "held" in sys.argv and not os.fork():
            time.sleep(3)
            os._exit(0)
        print(*ids.astype(int), flush=True)
    while True:
        if sys.argv[1] == "waiting":
            group.barrier()
        else:
            time.sleep(0.001)


if __name__ == "__main__":
    if "without" in sys.argv:
        process_group._prctl = lambda: None
    try:
        run(work, 3, "processes")
    except KeyboardInterrupt:
        print("interrupted", flush=True)
