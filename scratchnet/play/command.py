"""The command `scratchnet play`."""

import os
import webbrowser

from scratchnet.play.server import PlayServer
from scratchnet.play.session import Session


def play(
    data: str | os.PathLike | None = None,
    layer: str | os.PathLike | None = None,
    port: int = 0,
    browser: bool = True,
) -> None:
    """Serve the playground until Ctrl-C.

    Parameters
        data      CSV file with the columns x1, x2 and label
        layer     Python file with layers, subclasses of `scratchnet.layers.Layer`
        port      of the server; 0: a free one
        browser   open the page in the browser

    Raises FileNotFoundError for a missing file, ValueError for a port that cannot be used.
    """
    session = Session(data, layer)
    try:
        server = PlayServer(session, port)
    except (OSError, OverflowError) as problem:
        raise ValueError(
            f"port {port} cannot be used ({problem}): choose another one, or none for a free one"
        ) from problem
    with server:
        print(f"play    {server.address}\n        stop with Ctrl-C", flush=True)
        if session.message:
            print(f"scratchnet: {session.message}", flush=True)
        if browser:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
