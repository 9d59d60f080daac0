"""Steps of scratchnet on its workers, and as their lower bound the matrix products alone."""

import contextlib
import platform
import time

import numpy as np
from threadpoolctl import threadpool_info

from benchmarks import memory
from benchmarks.models import LEARNING_RATE
from benchmarks.rounds import InOneProcess

FEWEST_ROWS = 64  # of a chunk of matrix products


class Workers:
    """Number and kind of the workers that this process was started for.

    Attributes
        threads   workers, or threads of BLAS for one worker
        kind      "threads", "processes" or "mpi": so many workers of this kind for each model;
                  None: as many as `fit` chooses, at most `threads`
    """

    threads, kind = 1, None


def prepare(threads, kind=None):
    """Return versions and BLAS; the number of threads was set before NumPy was imported."""
    Workers.threads, Workers.kind = threads, kind
    about = {"python": platform.python_version(), "numpy": np.__version__}
    for pool in threadpool_info():
        name = " ".join([pool["internal_api"], pool["version"] or "", pool.get("architecture", "")])
        about |= {"blas": name, "threads": pool["num_threads"]}
    from scratchnet.compiled import numba_description, numba_problem  # loads SciPy's BLAS, too

    if numba_problem() is None:
        about["numba"] = numba_description()
    return about | ({"kind": kind} if kind else {})


def has(model, function):
    """Whether the model has a version for this function of the module."""
    if function == "products":
        return hasattr(model, "products")
    return any(hasattr(model, f"scratchnet{name}") for name in ("", "_task", "_step"))


def train_step(model):
    """Steps of `fit` with Adam on workers; the model's own steps, if it has a step of its own."""
    if hasattr(model, "scratchnet_step"):
        return InOneProcess(model.scratchnet_step(LEARNING_RATE), lambda: None)
    if hasattr(model, "scratchnet_task"):
        task = model.scratchnet_task(LEARNING_RATE)
    else:
        task = Training(*model.scratchnet(), *model.batch())
    size = Workers.threads if Workers.kind else chosen_workers(task, Workers.threads)
    return OnWorkers(task, size, Workers.kind)


def chosen_workers(task, at_most):
    """Number of workers that `fit(workers=None)` chooses for a large data set."""
    from scratchnet.workers import splits_batch, worker_count

    if not all(splits_batch(model, task.loss) for model in task.models):
        return 1
    return min(at_most, worker_count(task.models, task.samples))


class Training:
    """Step of `fit` for a model, as `OnWorkers` expects it.

    Attributes
        models, optimizers   one optimizer for each model
        loss, samples        loss, and samples of a batch
    """

    def __init__(self, model, loss, x, target):
        from scratchnet.optimizers import Adam

        self.models, self.optimizers = [model], [Adam(LEARNING_RATE)]
        self.loss, self.x, self.target, self.samples = loss, x, target, len(x)

    @contextlib.contextmanager
    def steps(self, group, mine, optimizers):
        """Context with a function that makes one step as a worker of the group, with these rows."""
        from scratchnet.loss_base import known_targets
        from scratchnet.training_step import TrainingStep

        (model,), (optimizer,) = self.models, optimizers
        x, target = self.x[mine], self.target[mine]
        step = TrainingStep(model, self.loss, optimizer, group, factors=True)
        with known_targets(*step.losses):  # `fit` checks all targets before the first step
            yield lambda: step(x, target, self.samples)


class OnWorkers:
    """Steps on the workers of a group, as in an epoch of `fit` once its workers have started.

    One worker without a kind is the plain step in this process, with `threads` threads of BLAS.

    Parameters
        task   `Training`, or an object with its attributes and its method
        size   number of workers
        kind   of the group; None: as `fit` chooses
    """

    def __init__(self, task, size, kind):
        from scratchnet.parallel import choose

        self.task, self.workers = task, size
        self.kind = (kind or choose(size)[0]) if size > 1 else "alone"
        self.before, self.together = None, 0.0

    def timed(self, lead, n):
        """Time n steps: {"seconds"} on rank 0 between barriers, {"cpu"} seconds of all workers."""
        from scratchnet.batch_rows import batch_rows
        from scratchnet.parallel import run
        from scratchnet.training_step import own_counter
        from scratchnet.workers import compile_loops, rows_of, share

        task, samples = self.task, self.task.samples

        def work(group):
            member = group if group.kind == "mpi" else None  # whose optimizers are its own
            own = [own_counter(optimizer, group, member) for optimizer in task.optimizers]
            with batch_rows(several=group.size > 1) as rows:
                mine = rows.set(rows_of(group, samples), samples)
                with task.steps(group, mine, own) as step:
                    for _ in range(lead):
                        step()
                    group.barrier()
                    began, began_cpu = time.perf_counter(), _cpu_seconds(group)
                    for _ in range(n):
                        step()
                    cpu = _cpu_seconds(group) - began_cpu
                    group.barrier()
                    seconds = time.perf_counter() - began
            return group.all_reduce([seconds * (group.rank == 0), cpu, self._mb(group)])

        compile_loops(task.models)
        arrays = []
        for model, optimizer in zip(task.models, task.optimizers, strict=True):
            arrays += share(model, optimizer, self.kind, self.workers)
        capacity = max([array.size for array in arrays], default=0)
        numbers = run(work, self.workers, self.kind, arrays=arrays, capacity=capacity)
        seconds, cpu, self.together = map(float, numbers)
        return {"seconds": seconds, "cpu": cpu}

    def _mb(self, group):
        """Share of a worker in the memory of all; threads are one process."""
        if group.kind == "threads" and group.rank > 0:
            return 0.0
        return memory.share_of_peak(self.before, first=group.kind == "mpi" or group.rank == 0)

    def mb(self):
        """Memory of all workers at the end of the last round, with their peaks, since `before`."""
        return None if self.before is None else self.together


def _cpu_seconds(group):
    """Processor seconds of this worker."""
    return time.thread_time() if group.kind == "threads" else time.process_time()


def products(model):
    """Matrix products of one step on all cores, each computed in the fastest way.

    y = x W, dW = x^T dy and, for all layers but the first, dx = dy W^T.

    The workers do not wait for each other, and no sum of dW over chunks is taken, so no step that
    computes these products can be faster.
    """
    size = Workers.threads
    return OnWorkers(Products(model.products(), size), size, Workers.kind)


class Products:
    """Products of a step, a worker's part of them; see `products`.

    Parameters
        layers   (N, D, M) of each layer, N rows of the whole batch, or a list of its forms
        size     number of workers
    """

    models, optimizers, samples = (), (), 1

    def __init__(self, layers, size):
        from scratchnet.parallel import one_blas_thread

        self.jobs = []
        with one_blas_thread:
            for i, forms in enumerate(layers):
                forms = forms if isinstance(forms, list) else [forms]
                for product in (forward, weights, input_gradient)[: 3 if i else 2]:
                    jobs = [best_chunks(product, max(1, n // size), d, m) for n, d, m in forms]
                    self.jobs.append(min(jobs, key=seconds))

    @contextlib.contextmanager
    def steps(self, group, mine, optimizers):
        """Context with a function that computes all products of a worker once."""

        def step():
            for job in self.jobs:
                job()

        yield step


def forward(x, W, y, dW):
    """Compute y = x W."""
    np.matmul(x, W, out=y)


def weights(x, W, y, dW):
    """Compute dW = x^T dy, with y in the place of dy."""
    np.matmul(x.T, y, out=dW)


def input_gradient(x, W, y, dW):
    """Compute dx = dy W^T, with y and x in the places of dy and dx."""
    np.matmul(y, W.T, out=x)


def best_chunks(product, n, d, m):
    """Function that computes a product of n rows in chunks, in the fastest of several ways.

    They differ in the rows of a chunk and in the order of x and y in memory, samples or features
    first. Every chunk uses the memory of the first, which is in the cache after its first use.
    """
    rng, rows, found = np.random.default_rng(0), n, []
    while rows == n or rows >= FEWEST_ROWS:
        for order in "CF":
            shapes = ((rows, d), (d, m), (rows, m), (d, m))
            found.append(in_chunks(product, n, *(rng.random(s, np.float32) for s in shapes), order))
            found[-1]()
        found = [min(found, key=seconds)]
        rows //= 4
    return found[0]


def in_chunks(product, n, x, W, y, dW, order):
    """Function that computes a product of n rows as products of len(x) rows."""
    x, y = np.array(x, order=order), np.array(y, order=order)
    whole, rest = divmod(n, len(x))
    chunks = [(x, W, y, dW)] * whole + [(x[:rest], W, y[:rest], dW)] * (rest > 0)

    def job():
        for chunk in chunks:
            product(*chunk)

    return job


def seconds(job):
    """Shortest of three calls."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        job()
        times.append(time.perf_counter() - began)
    return min(times)
