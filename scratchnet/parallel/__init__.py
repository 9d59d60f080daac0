"""Groups of workers: threads, processes or MPI ranks that train one model.

`Group` has the operations and the step of data-parallel training; `run` starts the workers;
`choose` selects the kind of group for this machine.

>>> def work(group):
...     return group.all_reduce([group.rank + 1.0])
>>> run(work, 3, "threads")
array([6.])
"""

from scratchnet.parallel.blas import one_blas_thread
from scratchnet.parallel.choice import choose, cores
from scratchnet.parallel.group import Alone, Group, WorkerError
from scratchnet.parallel.mpi_group import MPIGroup, mpi_size, mpi_world
from scratchnet.parallel.process_group import ProcessGroup
from scratchnet.parallel.running import run
from scratchnet.parallel.shared_memory import is_shared, shared_copy, shared_zeros
from scratchnet.parallel.thread_group import ThreadGroup

__all__ = [
    "Alone",
    "Group",
    "MPIGroup",
    "ProcessGroup",
    "ThreadGroup",
    "WorkerError",
    "choose",
    "cores",
    "is_shared",
    "mpi_size",
    "mpi_world",
    "one_blas_thread",
    "run",
    "shared_copy",
    "shared_zeros",
]
