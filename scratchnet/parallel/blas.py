"""One BLAS thread in each worker: workers use the cores, BLAS threads beside them would wait."""

import functools
import threading

from threadpoolctl import ThreadpoolController


class _OneBlasThread:
    """Context in which BLAS has one thread; the last of several to leave restores the number.

    Limits that several threads set and restore on their own would restore each other's 1.
    """

    def __init__(self):
        self.lock, self.inside, self.limit = threading.Lock(), 0, None

    def __enter__(self):
        with self.lock:
            if not self.inside:
                self.limit = _blas().limit(limits=1, user_api="blas")
            self.inside += 1

    def __exit__(self, *exception):
        with self.lock:
            self.inside -= 1
            if not self.inside:
                self.limit.restore_original_limits()


one_blas_thread = _OneBlasThread()


@functools.cache
def _blas():
    return ThreadpoolController()
