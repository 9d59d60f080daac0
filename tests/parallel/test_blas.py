"""One BLAS thread: inside of the context, of several at once, and not after the last."""

import numpy as np
import pytest
import threadpoolctl

from scratchnet.parallel import one_blas_thread, run


def blas_threads():
    np.ones((2, 2)) @ np.ones((2, 2))
    pools = threadpoolctl.threadpool_info()
    return max(pool["num_threads"] for pool in pools if pool["user_api"] == "blas")


def test_the_last_context_restores_the_number():
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        with one_blas_thread:
            with one_blas_thread:
                assert blas_threads() == 1
            assert blas_threads() == 1
        assert blas_threads() == 2


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_a_worker_has_one_blas_thread(kind):
    def work(group):
        return group.all_reduce(np.eye(2)[group.rank] * blas_threads()).tolist()

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        assert run(work, 2, kind) == [1, 1]
        assert blas_threads() == 2
