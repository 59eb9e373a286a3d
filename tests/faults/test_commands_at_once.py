"""Two commands at once, twenty rounds of each, with kills among them: what they write is of the one or of the other."""

import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from samesku import artefacts
from tests.conftest import ROOT
from tests.faults import broken

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    from tests.fixtures import small_shop

    return small_shop.build(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def shop(built, tmp_path):
    return shutil.copytree(built, tmp_path / "shop")


def race(shop, commands, whole, rounds=20):
    """Start these commands at once, again and again, and kill one of them in every third round.

    Args:
        commands: the module and the arguments of each. whole: raises AssertionError where what they write is torn.

    Returns:
        how many were killed, and the sentences of those that refused.
    """
    chance, killed, sentences, seconds = random.Random(0), 0, set(), 0.0
    logs = [str(shop.parent / f"{place}.log") for place in range(len(commands))]
    launcher = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.rounds"],
        cwd=shop, env=broken.environment() | {"PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        for turn in range(rounds):
            kill = [chance.randrange(len(commands)), chance.uniform(0, seconds)] if turn % 3 == 2 else None
            a_round, begin = {"commands": commands, "logs": logs, "kill": kill}, time.monotonic()
            print(json.dumps(a_round), file=launcher.stdin, flush=True)
            answer = json.loads(launcher.stdout.readline())
            seconds = seconds if kill else time.monotonic() - begin
            for status, log in zip(answer, map(Path, logs), strict=True):
                text = log.read_text("utf-8", "replace")
                assert status in (0, 1, 2, -9), text
                assert "Traceback" not in text, text
                killed += status == -9
                if status in (1, 2):
                    sentences.add(text.strip().splitlines()[-1])
            whole()
    finally:
        launcher.stdin.close()
        launcher.wait(60)
    return killed, sentences


def samesku(*arguments):
    return ["samesku.app", *map(str, arguments)]


def run_alone(shop, arguments):
    """What a command writes to standard output."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=shop, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_two_commands_that_write_one_out(shop, report):
    titles = pq.read_table(shop / artefacts.LISTINGS)["title"].to_pylist()
    expected = {}
    for name, some in (("a", titles[:9]), ("b", titles[9:30])):
        rows = "".join(f"{name}{i},{title}\n" for i, title in enumerate(some))
        (shop / f"{name}.csv").write_text(f"posting_id,title\n{rows}", "utf-8")
    adds = [samesku("add", f"{name}.csv", "--out", "out") for name in "ab"]
    for arguments in adds:
        run_alone(shop, arguments)
        expected[arguments[2]] = broken.digests(shop, [Path("out")])
    page = samesku("report", "samesku", "--out", "page.html")
    run_alone(shop, page)
    whole = broken.digests(shop, [Path("page.html")])
    for name, commands, allowed in (
        ("add, to one folder", adds, list(expected.values())),
        ("report, to one file", [page, page], [whole]),
    ):
        out = [Path("out") if "add" in name else Path("page.html")]

        def is_whole(out=out, allowed=allowed):
            assert broken.digests(shop, out) in allowed

        killed, sentences = race(shop, commands, is_whole)
        assert not sentences
        report(
            "commands",
            f"two `samesku {name}, 20 rounds, {killed} killed",
            "the whole of the one or of the other",
        )


def test_two_that_change_params(shop, report):
    shutil.copytree(ROOT / "profiles", shop / "profiles")
    shutil.copy(shop / "shop/listings.csv", shop / "shop/others.csv")
    params, texts = shop / "params.yaml", []
    inits = [samesku("init", f"shop/{name}.csv") for name in ("listings", "others")]
    for arguments in inits:
        run_alone(shop, arguments)
        texts.append(params.read_text("utf-8"))

    def is_whole():
        assert params.read_text("utf-8") in texts

    killed, sentences = race(shop, inits, is_whole)
    assert not sentences
    report(
        "commands", f"two `samesku init`, 20 rounds, {killed} killed", "the params of the one or of the other"
    )


def test_the_store_is_pruned_while_it_is_filled(shop, report):
    outs = [artefacts.EMBEDDINGS / "cnn.npy"]
    embed, prune = ["stages.embed_zero_shot", "cnn"], samesku("store", "--prune", "--gb", "0")
    run_alone(shop, embed)
    expected = broken.digests(shop, outs)

    def is_whole():
        assert broken.digests(shop, outs) == expected

    killed, sentences = race(shop, [embed, prune, prune], is_whole)
    assert not sentences
    report(
        "commands",
        f"two `samesku store --prune` beside an embedding, 20 rounds, {killed} killed",
        "equal rows",
    )


def test_commands_that_read_what_is_replaced(shop, report):
    groups = shop / "groups"
    shutil.copytree(shop / artefacts.PREDICTIONS / "samesku", groups)
    evaluate, diff = ["stages.evaluate"], samesku("diff", "groups", "--out", "changes.csv")
    threshold = samesku("threshold", "samesku", "--precision", "0.5")
    header = "change"

    def is_whole():
        assert (shop / "changes.csv").read_text("utf-8").startswith(header)

    run_alone(shop, diff)
    header = (shop / "changes.csv").read_text("utf-8")
    killed, sentences = race(shop, [evaluate, diff, threshold], is_whole)
    report(
        "commands",
        f"`samesku diff` and `threshold` while evaluate replaces what they read, 20 rounds, {killed} killed",
        f"the same answer, or a sentence ({len(sentences)} different ones)",
    )
