"""The command `scratchnet play`: what it prints, and how it ends."""

import socket

import pytest

from scratchnet import cli
from scratchnet.play import command
from scratchnet.play.server import PlayServer


@pytest.fixture
def interrupted(monkeypatch):
    """A server that is ended by Ctrl-C at once; the addresses that the browser has opened."""

    def serve_forever(self):
        raise KeyboardInterrupt

    opened = []
    monkeypatch.setattr(PlayServer, "serve_forever", serve_forever)
    monkeypatch.setattr(command.webbrowser, "open", opened.append)
    return opened


def test_the_address_is_printed_and_opened(interrupted, capsys):
    assert cli.main(["play"]) == 0
    assert capsys.readouterr().out.startswith("play    http://127.0.0.1:")
    assert len(interrupted) == 1 and "?token=" in interrupted[0]


def test_the_browser_is_not_opened_on_request_and_a_bad_file_is_named(
    interrupted, capsys, tmp_path
):
    path = tmp_path / "a.csv"
    path.write_text("x1,x2\n")
    assert cli.main(["play", "--no-browser", "--data", str(path)]) == 0
    assert "scratchnet: a.csv, line 1: expected the columns" in capsys.readouterr().out
    assert interrupted == []


@pytest.mark.parametrize("option", ["--data", "--layer"])
def test_a_missing_file_ends_the_command_with_a_sentence(interrupted, capsys, option):
    assert cli.main(["play", option, "gone.txt"]) == 2
    assert "gone.txt is no file" in capsys.readouterr().err


def test_a_port_in_use_ends_the_command_with_a_sentence(interrupted, capsys):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        assert cli.main(["play", "--no-browser", "--port", port]) == 2
    assert f"port {port} cannot be used" in capsys.readouterr().err
    assert cli.main(["play", "--no-browser", "--port", "99999"]) == 2
