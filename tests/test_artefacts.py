"""Outs are written beside and renamed: what a kill leaves at each step, and what a failure prints."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from samesku import artefacts, replacing
from tests.conftest import ROOT

# In a driver process, a child is forked for each n that writes an out and kills itself before its nth step
# on the file system; what stands there then, and after a further try that fails, is held to be whole.
DRIVER = """
import os, signal, sys
from pathlib import Path
from samesku.artefacts import replace_out

STEPS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"}
path, folder = Path(sys.argv[1]), sys.argv[2] == "folder"

def write(beside, text):
    if folder:
        (beside / "more").mkdir(parents=True)
        for name in ("a", "more/b"):
            (beside / name).write_text(text)
    else:
        beside.write_text(text)

def content(at):
    if not folder:
        return at.read_text() if at.exists() else None
    return {str(f.relative_to(at)): f.read_text() for f in sorted(at.rglob("*")) if f.is_file()}

def whole(text):
    return {"a": text, "more/b": text} if folder else text

kills = 0
for n in range(100):
    with replace_out(path) as beside:
        write(beside, "old")
    child = os.fork()
    if child == 0:
        left = n
        def count(event, _):
            global left
            if event in STEPS:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(count)
        with replace_out(path) as beside:
            write(beside, "new")
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
    kills += 1
    if path.exists():
        assert content(path) in (whole("old"), whole("new")), (n, content(path))
    else:
        assert folder, n
    try:
        with replace_out(path) as beside:
            write(beside, "bad")
            raise RuntimeError
    except RuntimeError:
        pass
    assert content(path) in (whole("old"), whole("new")), (n, content(path))
    assert [p.name for p in path.parent.iterdir()] == [path.name], n
print(kills)
"""


@pytest.mark.parametrize(("kind", "steps"), [("file", 2), ("folder", 8)])
def test_a_kill_at_any_step_leaves_the_old_out_or_the_new_one(tmp_path, kind, steps):
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(tmp_path / "outs" / "out"), kind],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= steps


def fail(path, write):
    with artefacts.replace_out(path) as beside:
        write(beside)
        raise ZeroDivisionError


def test_an_error_leaves_the_old_out_and_nothing_beside(tmp_path):
    artefacts.write_json(tmp_path / "out.json", {"a": 1})
    with pytest.raises(ZeroDivisionError):
        fail(tmp_path / "out.json", lambda beside: beside.write_text("half"))
    assert artefacts.read_json(tmp_path / "out.json") == {"a": 1}
    with pytest.raises(ZeroDivisionError):
        fail(tmp_path / "folder", lambda beside: beside.mkdir())
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def raising(error):
    def main():
        raise error

    return main


FULL = os.strerror(errno.ENOSPC)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, FULL, "data/x.npy"), f"data/x.npy: {FULL}"),
        (OSError(errno.ENOSPC, FULL), FULL),
        (OSError("4096 requested and 17 written"), "4096 requested and 17 written: is the disk full?"),
        (RuntimeError(f"Error while serializing: I/O error: {FULL} (os error 28)"), FULL),
        (MemoryError(), "this machine has not enough memory"),
    ],
)
def test_what_the_machine_lacks_is_one_sentence(tmp_path, monkeypatch, error, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        artefacts.run_stage("stage", raising(error))
    assert caught.value.code == f"stage: {message}; the last good outs are as they were"


def test_an_error_on_top_of_a_full_disk_is_reported_as_that(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def main():
        try:
            raise OSError(errno.ENOSPC, FULL)
        finally:
            raise RuntimeError("unexpected pos 64 vs 0")

    with pytest.raises(SystemExit, match=f"stage: {FULL}; the last good outs"):
        artefacts.run_stage("stage", main)


def test_ctrl_c_is_a_line_and_a_status(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        artefacts.run_stage("stage", raising(KeyboardInterrupt()))
    assert caught.value.code == 130
    assert capsys.readouterr().err == "stage: stopped by Ctrl-C; nothing half-written is left\n"


def test_ctrl_c_that_a_library_makes_another_error_is_a_line_and_a_status(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def main():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:
            raise ValueError("no validator could be built: KeyboardInterrupt") from error

    with pytest.raises(SystemExit) as caught:
        artefacts.run_stage("stage", main)
    assert caught.value.code == 130
    assert capsys.readouterr().err == "stage: stopped by Ctrl-C; nothing half-written is left\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("shared", [False, True])
def test_a_file_never_replaces_a_folder_and_what_is_in_it(tmp_path, shared):
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    (folder / "below/kept").write_text("kept")
    (tmp_path / "link").symlink_to(folder)
    for path in (folder, tmp_path / "link") if shared else (folder,):
        with (
            pytest.raises(IsADirectoryError, match="is a folder"),
            artefacts.replace_out(path, shared=shared) as beside,
        ):
            beside.write_text("new")
    assert (folder / "below/kept").read_text() == "kept"
    assert sorted(os.listdir(tmp_path)) == ["folder", "link"]


def test_a_full_disk_names_the_file(tmp_path):
    with pytest.raises(OSError, match="No space") as caught, artefacts.replace_out(tmp_path / "out"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(tmp_path / "out")


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "ImportError('made of it')"])
def test_ctrl_c_during_the_imports_of_a_program_is_a_line_and_a_status(error):
    code = (
        "import signal\n"
        "from samesku.interrupts import end_in_one_line\n"
        "end_in_one_line()\n"
        "try: signal.raise_signal(signal.SIGINT)\n"
        f"except KeyboardInterrupt: raise {error}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "stopped by Ctrl-C\n")


def test_an_error_of_our_own_keeps_its_traceback(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyError):
        artefacts.run_stage("stage", raising(KeyError("a")))


def test_a_fingerprint_is_of_values_files_and_the_code_in_folders(tmp_path):
    file = tmp_path / "x"
    file.write_text("1")
    first = artefacts.fingerprint({"a": 1, "b": [2]}, [file])
    assert first == artefacts.fingerprint({"b": [2], "a": 1}, [file])
    assert first != artefacts.fingerprint({"a": 2, "b": [2]}, [file])
    file.write_text("2")
    assert first != artefacts.fingerprint({"a": 1, "b": [2]}, [file])
    (tmp_path / "code/inner").mkdir(parents=True)
    (tmp_path / "code/inner/a.py").write_text("a = 1")
    folder = artefacts.fingerprint({}, [tmp_path / "code"])
    (tmp_path / "code/notes.txt").write_text("no code")
    assert artefacts.fingerprint({}, [tmp_path / "code"]) == folder
    (tmp_path / "code/inner/a.py").write_text("a = 2")
    assert artefacts.fingerprint({}, [tmp_path / "code"]) != folder


def test_a_channel_is_read_from_the_main_system_before_the_baselines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main, baseline = (folder / "cnn.npy" for folder in (artefacts.EMBEDDINGS, artefacts.BASELINES))
    assert artefacts.embedding_path("cnn") == main
    baseline.parent.mkdir(parents=True)
    baseline.touch()
    assert artefacts.embedding_path("cnn") == baseline
    main.parent.mkdir(parents=True)
    main.touch()
    assert artefacts.embedding_path("cnn") == main


def test_rows_of_a_csv_have_six_decimals(tmp_path):
    rows = [{"name": "a", "f1": 1 / 3, "n": 2}, {"name": "b, c", "f1": 1.0, "n": 3}]
    artefacts.write_csv(tmp_path / "a.csv", rows, ["name", "f1", "n"])
    assert (tmp_path / "a.csv").read_bytes() == b'name,f1,n\na,0.333333,2\n"b, c",1.0,3\n'
    artefacts.write_csv(tmp_path / "none.csv", [])
    assert (tmp_path / "none.csv").read_bytes() == b"empty\n"


WRITER = """
import sys
from pathlib import Path
from samesku.artefacts import replace_out

path, text = Path(sys.argv[1]), sys.argv[2]
sys.stdin.readline()  # all begin together
for _ in range(30):
    with replace_out(path) as beside:
        (beside / "more").mkdir(parents=True)
        for name in ("a", "more/b"):
            (beside / name).write_text(text)
"""


def test_several_processes_that_write_one_folder_leave_the_whole_of_one(tmp_path):
    out = tmp_path / "outs" / "out"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(out), text], cwd=ROOT, stdin=subprocess.PIPE, text=True
        )
        for text in ("one", "two", "three")
    ]
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    texts = [file.read_text() for file in (out / "a", out / "more/b")]
    assert texts[0] == texts[1]
    assert texts[0] in ("one", "two", "three")
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_a_folder_is_never_missing_while_it_is_replaced(tmp_path):
    """As far as the system can exchange two names; else it is put aside for a moment."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    (first / "a").touch()
    if not replacing._exchange(first, second):
        pytest.skip("this system cannot exchange two folders in one step")
    assert (second / "a").exists()
    assert not (first / "a").exists()


def test_a_stage_that_another_process_runs_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with artefacts.hold_lock(artefacts.PROVENANCE / "embed.cnn.lock", 0):
        with pytest.raises(SystemExit) as ended:
            artefacts.run_stage("embed@cnn", lambda: "done")
        assert str(ended.value) == (
            "embed@cnn: another process runs this stage in this folder; allowed: one; wait until it ends, or stop it"
        )
        artefacts.run_stage("embed@sbert", lambda: "done")
    artefacts.run_stage("embed@cnn", lambda: "done")
    assert capsys.readouterr().out.count("done") == 2
    assert sorted(path.name for path in artefacts.PROVENANCE.iterdir()) == [
        "embed.cnn.json",
        "embed.sbert.json",
    ]


def test_the_processes_that_a_stage_starts_of_itself_are_not_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def main():  # as train_pxk does with machine.processes above 1, by torchrun
        code = "from samesku.artefacts import run_stage; run_stage('train_pxk@a', lambda: 'within')"
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        return "around"

    artefacts.run_stage("train_pxk@a", main)
    assert "around" in capsys.readouterr().out
    assert "SAMESKU_STAGE_LOCK" not in os.environ


def test_a_writer_that_waits_too_long_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(replacing, "LOCK_SECONDS", 0)
    with artefacts.replace_out(tmp_path / "out") as beside:
        beside.write_text("mine")
        with pytest.raises(TimeoutError), artefacts.replace_out(tmp_path / "out"):
            pass
    assert (tmp_path / "out").read_text() == "mine"
