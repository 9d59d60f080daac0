"""What the whole suite stands on: no window, no internet, nothing cached, equal examples."""

import os
import socket

import fake_cupy
import hypothesis
import numpy as np
import pytest
import threadpoolctl

from scratchnet import backend
from scratchnet.backend import gpu_available, use_device

os.environ["MPLBACKEND"] = "Agg"  # this file is read first, so before anybody imports matplotlib

hypothesis.settings.register_profile(
    "suite", max_examples=40, deadline=None, derandomize=True, database=None
)
hypothesis.settings.load_profile("suite")

pytest_plugins = ["data_sandbox"]

LOOPBACK = ("127.0.0.1", "::1", "localhost", "", None)


@pytest.fixture(scope="session", autouse=True)
def alone_on_this_machine(tmp_path_factory):
    """Every host but this machine is refused, and what is cached goes to a temporary folder."""

    def allow(host):
        if host not in LOOPBACK:
            raise RuntimeError(f"a test asked for the network: {host}")

    def guarded_lookup(host, *args, _lookup=socket.getaddrinfo, **kwargs):
        allow(host)
        return _lookup(host, *args, **kwargs)

    def guarded(connect):
        def guarded_connect(self, address):
            if isinstance(address, tuple):  # a path, not a tuple, is a socket on this machine
                allow(address[0])
            return connect(self, address)

        return guarded_connect

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", guarded_lookup)
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
        patch.setenv("SCRATCHNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread():
    """Small products gain nothing from two threads, and on a busy machine the two wait for ever."""
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(params=["numpy", "stand-in"] + ["cupy"] * gpu_available())
def xp(request):
    """The array module of a test that runs on every device: NumPy, the stand-in, CuPy on a GPU."""
    if request.param == "numpy":
        yield np
    elif request.param == "cupy":
        with use_device("gpu"):
            yield backend.cupy
    else:
        with fake_cupy.installed() as module, use_device("gpu"):
            yield module


@pytest.fixture
def rng():
    """A NumPy generator that is the same in every run."""
    return np.random.default_rng(20)


@pytest.fixture
def x(rng):
    """Six samples of four numbers, float32."""
    return rng.standard_normal((6, 4)).astype("float32")


@pytest.fixture
def dy(rng):
    """An upstream gradient for six samples of four numbers, float32."""
    return rng.standard_normal((6, 4)).astype("float32")
