"""A server of this folder answers `match` and `search` in place of the command where it would say the same."""

import contextlib
import json
import socket
import stat
import time
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from samesku.app import running_server
from samesku.app.cli import app
from tests.fixtures.serving import serving

BY_SERVER = "by the `samesku serve` of this folder"
QUESTIONS = [
    ["search", "--title", 'Kabel "x"\r\n--- é 1 m', "-k", "3", "--json"],
    ["search", "--image", "shop/images/p00a.jpg", "--title", "", "--attribute", "brand=Ö", "--json"],
    ["match", "--title", "Oil 500 ml", "--title", "  Cooking   oil 500ml ", "--json"],
    ["match", "--image", "shop/images/p00a.jpg", "--title", "", "--image", "", "--title", "Thing 2"],
]


def run(*arguments):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout, BY_SERVER in done.stderr


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """For a machine on which other tests run."""
    monkeypatch.setattr(running_server, "CONNECT_SECONDS", 60)
    monkeypatch.setattr(running_server, "ANSWER_SECONDS", 300)


@contextlib.contextmanager
def served(folder):
    """A server of the folder that commands can ask; its process."""
    with serving(folder):
        deadline = time.monotonic() + 60
        while not running_server.FILE.is_file():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield next(p for p in psutil.Process().children() if "serve" in p.cmdline())


def test_a_taken_port_is_refused_with_the_way_out(shop_copy):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(app, ["serve", "--port", str(port)])
    assert done.exit_code == 2
    assert f"cannot listen on 127.0.0.1:{port} " in done.output
    assert "--port 0 takes a free port" in done.output


def test_a_folder_that_takes_no_files_is_served_without_the_file(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(running_server, "FILE", tmp_path / "file" / "serve.json")
    with running_server.announce("localhost", 1, "token", None, "state"):
        assert "serve.json cannot be written (" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_it_gives_the_answers_of_the_command_and_ends_without_a_trace(shop_copy):
    pictures = sorted(Path("shop/images").iterdir())
    questions = [
        [str(pictures[0]) if part == "shop/images/p00a.jpg" else part for part in question]
        for question in QUESTIONS
    ]
    alone = [run(*question) for question in questions]
    assert not any(by_server for _, by_server in alone)
    with served(shop_copy):
        assert stat.S_IMODE(running_server.FILE.stat().st_mode) == 0o600
        assert [run(*question) for question in questions] == [(text, True) for text, _ in alone]
    assert not running_server.FILE.exists()
    assert run(*questions[0]) == alone[0]


@pytest.mark.long
def test_another_state_or_system_or_a_dead_server_is_not_asked(shop_copy):
    question = QUESTIONS[0]
    with served(shop_copy) as server:
        assert run(*question)[1]
        assert not run(*question, "--system", "samesku")[1]  # it was started without one
        params = Path("params.yaml")
        text = params.read_text()
        params.write_text(text + "# changed\n")
        assert not run(*question)[1]
        params.write_text(text)  # another time of change
        assert not run(*question)[1]
        content = json.loads(running_server.FILE.read_text()) | {"state": running_server.read_state()}
        running_server.FILE.write_text(json.dumps(content))
        assert run(*question)[1]
        running_server.FILE.write_text(json.dumps(content | {"token": "of another"}))
        assert not run(*question)[1]  # refused, so the command answers itself
        running_server.FILE.write_text(json.dumps(content))
        server.kill()
        server.wait()
        assert not run(*question)[1]
    for text in ("", "[]", "{}", '{"state": 1', json.dumps(content | {"host": 3})):
        running_server.FILE.write_text(text)
        assert not run(*question)[1]


def test_bad_input_has_the_sentence_of_the_command(shop_copy):
    Path("broken.jpg").write_bytes(b"no picture")
    question = ["search", "--image", "broken.jpg"]
    alone = CliRunner().invoke(app, question)
    with served(shop_copy):
        beside = CliRunner().invoke(app, question)
    assert alone.exit_code == beside.exit_code == 2
    assert alone.stderr == beside.stderr
    assert "--image broken.jpg" in alone.stderr
