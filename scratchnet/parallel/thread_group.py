"""Workers that are threads of this process.

Threads are available on every platform. They run in parallel while NumPy computes, because NumPy
releases Python's lock (the GIL) then; all else is run by one of them at a time. Python without the
GIL has no such limit.
"""

import contextvars
import queue
import threading
import traceback
from collections.abc import Callable
from typing import Any

from scratchnet.parallel.blas import one_blas_thread
from scratchnet.parallel.group import OUT_OF_STEP, Group, PeerLost, WorkerError, failure
from scratchnet.parallel.shared_memory import Memory, SharedMemoryGroup, signal_pairs


class ThreadGroup(SharedMemoryGroup):
    """Group of threads; a signal is an entry in a queue, of which each pair of ranks has its own.

    Parameters
        rank     of this worker
        memory   the arrays of the group
        queues   {(sender, receiver): queue} of the signals: True, or False from a rank that left
    """

    kind = "threads"

    def __init__(self, rank: int, memory: Memory, queues: dict[tuple[int, int], Any]):
        super().__init__(rank, memory)
        self.queues = queues

    def send(self, rank: int) -> None:
        self.queues[self.rank, rank].put(True)

    def receive(self, rank: int) -> None:
        if not self.queues[rank, self.rank].get():
            raise PeerLost

    def leave(self) -> None:
        """Tell all others that no more signals will come."""
        for (sender, _), signals in self.queues.items():
            if sender == self.rank:
                signals.put(False)


def run_threads(work: Callable[[Group], Any], memory: Memory) -> Any:
    """Run work(group) on memory.size threads, the calling one being rank 0; see `run`.

    Another thread can be told to stop, not forced: it ends at its next operation of the group.
    """
    size = memory.size
    queues = {pair: queue.SimpleQueue() for pair in signal_pairs(size)}
    groups = [ThreadGroup(rank, memory, queues) for rank in range(size)]
    failures: dict[int, BaseException] = {}

    def work_of(group):
        try:
            work(group)
        except BaseException as error:  # it is raised on rank 0
            failures[group.rank] = error
        finally:
            group.leave()

    # a copied context: a thread has the precision and device of its caller
    contexts = [contextvars.copy_context() for _ in range(1, size)]
    threads = [
        threading.Thread(
            target=context.run, args=(work_of, group), name=f"scratchnet-{group.rank}", daemon=True
        )
        for context, group in zip(contexts, groups[1:], strict=True)
    ]
    with one_blas_thread:
        for thread in threads:
            thread.start()
        result, left = None, False
        try:
            result = work(groups[0])
        except PeerLost:
            left = True
        finally:
            groups[0].leave()
            for thread in threads:
                thread.join()
    own = {rank: e for rank, e in failures.items() if not isinstance(e, PeerLost)}
    if own:
        rank, error = min(own.items())
        text = "".join(traceback.format_exception(error))
        raise failure(rank, size, text) from error
    if failures or left:
        raise WorkerError(OUT_OF_STEP)
    return result
