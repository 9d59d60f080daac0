"""The server of the playground: what it answers, what it refuses, and the page in a browser."""

import contextlib
import socket

import browser
import pytest
from play_server import ask, running

from scratchnet.play import server as server_module
from scratchnet.play.server import RESOURCES, PlayServer
from scratchnet.play.session import Session


@pytest.fixture(scope="module")
def server():
    with running(Session()) as it:
        yield it


def test_the_server_listens_on_the_loopback_only(server):
    assert server.server_address[0] == "127.0.0.1"
    assert server.address.startswith(f"http://127.0.0.1:{server.server_port}/?token=")
    assert len(server.token) >= 20


def test_the_page_needs_the_token_and_names_its_own_resources_only(server):
    page = ask(server, "/", token=True)
    assert page.status == 200 and "<h1>Playground</h1>" in page.text
    assert server.token not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for token in (None, "", "wrong"):
        refused = ask(server, "/", token=token)
        assert refused.status == 403 and "Open the whole address" in refused.text


@pytest.mark.parametrize("path", RESOURCES)
def test_a_resource_is_sent_with_its_type(server, path):
    answer = ask(server, path)
    assert answer.status == 200 and answer.headers.get_content_type() == RESOURCES[path][0]
    assert answer.text.isascii()


@pytest.mark.parametrize(
    "path",
    ["/server.py", "/../server.py", "/%2e%2e/server.py", "//etc/passwd", "/play.js/", "/api/frame"],
)
def test_no_other_file_is_sent(server, path):
    assert ask(server, path, token=True).status == 404


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1", "127.0.0.1:1", "", "localhost.:{}"])
@pytest.mark.parametrize("sent", [None, {}])
def test_another_host_is_refused(server, host, sent):
    path = "/" if sent is None else "/api/state"
    answer = ask(server, path, sent, True, Host=host.format(server.server_port))
    assert answer.status == 403 and "127.0.0.1 and localhost only" in answer.text


def test_localhost_and_the_own_origin_are_answered(server):
    local = f"localhost:{server.server_port}"
    answer = ask(server, "/api/state", {}, True, Host=local, Origin=f"http://{local}")
    assert answer.status == 200


@pytest.mark.parametrize("origin", ["http://example.org", "null", "https://127.0.0.1:{}"])
def test_another_origin_is_refused(server, origin):
    origin = origin.format(server.server_port)
    assert ask(server, "/api/state", {}, True, Origin=origin).status == 403


@pytest.mark.parametrize("token", [None, "", "wrong", "%C3%A9"])
def test_an_action_without_the_token_is_refused_and_changes_nothing(server, token):
    revision = server.session.revision
    assert ask(server, "/api/restart", {}, token).status == 403
    assert server.session.revision == revision


@pytest.mark.parametrize(
    "path, body, status",
    [
        ("/api/unknown", "{}", 404),
        ("/api/__init__", "{}", 404),
        ("/", "{}", 404),
        ("/api/state", "{", 400),
        ("/api/state", "[" * 100_000, 400),
        ("/api/state", "[]", 400),
    ],
)
def test_a_post_that_is_no_action_is_refused(server, path, body, status):
    assert ask(server, path, body, True).status == status


def test_a_body_that_is_too_large_or_without_a_length_is_refused(server):
    many = {"Content-Length": "2000001"}
    assert ask(server, "/api/state", "{}", True, **many).status == 413
    assert (
        ask(server, "/api/state", None, True, method="POST", **{"Content-Length": "x"}).status
        == 413
    )


def test_another_method_is_refused(server):
    assert ask(server, "/", token=True, method="PUT").status == 501


def test_frames_and_actions_are_answered_as_json(server):
    state = ask(server, "/api/run", {"on": True}, True).json
    assert state["running"] and state["message"] == ""
    frames = [ask(server, "/api/frame", {"window": "a"}, True).json for _ in range(2)]
    assert [frame["step"] for frame in frames] == [20, 40]
    assert len(frames[0]["layers"]) == 3
    assert not ask(server, "/api/run", {"on": False}, True).json["running"]


def test_an_error_of_the_page_is_a_message_and_no_traceback(server, capsys):
    text = "x1,x2,label\n1,2,a\n3,b\n"
    answer = ask(server, "/api/load", {"text": text, "name": "mine.csv"}, True)
    assert answer.status == 200
    assert answer.json["message"] == "mine.csv, line 3: expected 3 values, got 2"
    assert capsys.readouterr() == ("", "")


def test_a_browser_that_is_closed_leaves_a_server_without_a_word(server, capfd):
    with contextlib.closing(socket.create_connection(("127.0.0.1", server.server_port))) as gone:
        head = f"POST /api/frame?token={server.token} HTTP/1.1\r\nHost: 127.0.0.1:"
        gone.sendall(f"{head}{server.server_port}\r\nContent-Length: 50\r\n\r\n{{".encode())
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # reset the connection
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert ask(server, "/api/frame", {"window": "a"}, True).status == 200
    assert capfd.readouterr() == ("", "")


def test_another_error_of_the_server_is_one_line(capsys):
    with PlayServer(Session()) as server:
        try:
            raise KeyError("x")
        except KeyError:
            server.handle_error(None, None)
        try:
            raise BrokenPipeError
        except BrokenPipeError:
            server.handle_error(None, None)
    assert capsys.readouterr() == ("", "scratchnet play: KeyError: 'x'\n")


# The time of the browser of a test passes only while a timer is running, and `stop` ends the page's
# requests, so that the rest of the time passes at once. A frame of the screen takes real time, in
# which all of the browser's time can pass, so frames are asked for by a timer.
TOOLS = """
    window.requestAnimationFrame = f => setTimeout(f, 16);
    const timer = setInterval(() => {}, 100);
    const until = (condition, f) => {
      if (condition()) f(); else setTimeout(() => until(condition, f), 50); };
    const stop = () => { clearInterval(timer); loop = () => {}; };"""


def opened(monkeypatch, session, script):
    """Visit the page of a session, with a script that runs after the first frame."""
    script = f"{{{TOOLS} until(() => numbers, () => {{{script}}}); }}"
    text = f"{RESOURCES['/play.js'][1]()}\n{script}"
    monkeypatch.setitem(server_module.RESOURCES, "/play.js", ("text/javascript", lambda: text))
    with running(session) as server:
        return browser.visit_address(server.address, 20_000)


@browser.needs_browser
def test_the_page_trains_until_the_loss_is_small(monkeypatch):
    script = """
        byId("run").click();
        until(() => numbers.loss < 0.05, stop);"""
    seen = opened(monkeypatch, Session(), script)
    assert not seen.console, seen.console
    assert seen.result["problems"] == []
    assert seen.result["loss"] < 0.05 and seen.result["step"] >= 200
    assert 'aria-label="Layer 1: Dense, Tanh, unit 1: gradient' in seen.dom


@browser.needs_browser
def test_the_page_is_operated_by_keyboard(monkeypatch):
    session = Session()
    session.act("clear", {})
    script = """
        const press = key => byId("map").dispatchEvent(new KeyboardEvent("keydown", {key}));
        const rows = n => () => state.settings.layers.length === n;
        press("ArrowRight"); press("ArrowUp"); press("Enter");
        until(() => state.points.c.length === 1, () => { byId("add").click();
          until(rows(3), () => { byId("remove-0").click();
            until(rows(2), () => { byId("remove-0").click(); until(rows(1), stop); }); }); });"""
    seen = opened(monkeypatch, session, script)
    assert not seen.console, seen.console
    assert session.points.x.ravel().tolist() == pytest.approx([0.05, 0.05])
    assert len(session.settings.layers) == 1


@browser.needs_axe
def test_the_page_has_no_obstacles(monkeypatch):
    session = Session()
    session.act("faults", {"faults": ["mean_of_mean"]})
    axe = browser.Path(browser.AXE).read_text(encoding="utf-8")
    maps = RESOURCES["/maps.js"][1]()
    both = ("text/javascript", lambda: f"{axe};\n{maps}")
    monkeypatch.setitem(server_module.RESOURCES, "/maps.js", both)
    script = """
        byId("faults").open = true;
        axe.run(document, {resultTypes: ["violations"]}).then(found => {
          root.dataset.check = JSON.stringify(found.violations.map(v =>
            `${v.id}: ${v.nodes.map(n => n.target.join(" ")).join(", ")}`)); stop(); });"""
    assert opened(monkeypatch, session, script).check == []
