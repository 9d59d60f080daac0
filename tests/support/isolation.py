"""Fixtures that every test uses: no network, nothing cached, one BLAS thread.

`conftest.py` loads this file as a plugin, so that they also hold for the examples in docstrings,
which do not lie below the tests folder.
"""

import os
import socket
import sys

import pytest
import threadpoolctl

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
def blas_threads():
    """One thread: small products gain nothing from two, which wait long on a busy machine.

    The environment variable TEST_BLAS_THREADS asks for more, to test that the results are the same.
    """
    n_threads = int(os.environ.get("TEST_BLAS_THREADS", "1"))
    with threadpoolctl.threadpool_limits(n_threads, user_api="blas"):
        yield


def pytest_runtest_teardown(item):
    """Close the figures of an example: matplotlib warns when more than 20 are open."""
    if isinstance(item, pytest.DoctestItem) and "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
