"""`python3 -m compose_check`: ends with 0 if every check passed, 1 if one failed, 2 if it cannot run here."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from compose_check import lasting, starting, storage, working
from compose_check.context import Context
from compose_check.engine import Engine, find_engine
from compose_check.errors import CannotRunError, CheckFailedError
from compose_check.images import prepare_images
from compose_check.report import FAILED, PASSED, Check, Result, complain, run_checks, table, usage_table, write_json
from compose_check.sampler import Sampler
from compose_check.shell import run, say
from compose_check.stack import Stack

CHECKOUT = Path(__file__).resolve().parent.parent.parent
CHECKS = (
    Check("settings", starting.check_settings, essential=True),
    Check("build the image", starting.build_image, essential=True),
    Check("rules of the image", starting.check_image),
    Check("start, healthy", starting.start, essential=True),
    Check("start again", starting.start_again),
    Check("DAGs", starting.check_dags, essential=True),
    Check("writes without keys", storage.check_reach),
    Check("racing writers", storage.check_races),
    Check("days, live logs", working.run_days, essential=True),
    Check("kill the worker", working.kill_worker, essential=True),
    Check("kill S3", working.kill_s3),
    Check("training", working.finish_training, essential=True),
    Check("logs of both tries", working.read_both_tries),
    Check("score a day", working.score),
    Check("limits of threads", lasting.check_limits),
    Check("rotate secrets", lasting.rotate_secrets),
    Check("down, up", lasting.stop_and_start, essential=True),
    Check("backup, restore", lasting.back_up_and_restore),
    Check("down with volumes", lasting.remove_all),
)


def main() -> int:
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    results: list[Result] = []
    facts: dict[str, str] = {}
    context: list[Context] = []
    try:
        with _folder() as folder, _engine(folder, results, facts) as engine:
            _check(engine, folder, results, facts, context)
    except CannotRunError as error:
        complain(str(error))
        return 2
    except KeyboardInterrupt:
        say("interrupted; everything was taken down")
        return 130
    if context:
        say("measured:\n" + usage_table(dict(context[0].sampler.usage)))
        say("\n".join(["measured:", *(f"{name}: {value}" for name, value in context[0].measured.items())]))
    say("results:\n" + table(results))
    if arguments.json:
        write_json(arguments.json, results, context[0] if context else None, facts)
    return 0 if all(result.outcome == PASSED for result in results) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="compose-check",
        description="Run docker-compose.yaml on a real engine, from the first start to a restored backup.",
        epilog="COMPOSE_CHECK_CACHE: folder in which downloads are kept. COMPOSE_CHECK_FOLDER: folder of an engine of"
        " its own, kept with the images that were built. Both are temporary by default.",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    return parser


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _folder() -> Iterator[Path]:
    """Yield a folder for everything, removed at the end unless it was named."""
    if named := os.environ.get("COMPOSE_CHECK_FOLDER"):
        Path(named).mkdir(parents=True, exist_ok=True)
        yield Path(named).resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="compose-check-", dir="/var/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _engine(folder: Path, results: list[Result], facts: dict[str, str]) -> Iterator[Engine]:
    """Yield an engine; at the end, stop one of our own and see that the machine is as it was."""
    cache = Path(os.environ.get("COMPOSE_CHECK_CACHE") or folder / "cache")
    engine = find_engine(cache / "packages", folder)
    say(engine.description)
    facts["engine"] = engine.description
    try:
        yield engine
    finally:
        with _undisturbed():
            engine.stop()
    if engine.own:
        left = engine.left_behind
        results.append(Result("nothing left", FAILED if left else PASSED, 0, "; ".join(left)))
        say(f"nothing left: {'; '.join(left) or 'processes, mounts, bridges, firewall and forwarding are as before'}")


def _check(engine: Engine, folder: Path, results: list[Result], facts: dict[str, str], contexts: list[Context]) -> None:
    """Run every check on a copy of the checkout, and take its services down."""
    cache = Path(os.environ.get("COMPOSE_CHECK_CACHE") or folder / "cache")
    images = prepare_images(engine, CHECKOUT, cache / "images", folder)
    facts |= {"images": images.description, "commit": _commit()}
    say(f"images: {images.description}")
    copy = folder / "checkout"
    shutil.rmtree(copy, ignore_errors=True)
    stack = Stack.copy(engine, images, CHECKOUT, copy)
    context = Context(stack, Sampler(stack), frozenset(engine.docker("volume", "ls", "--quiet").split()))
    contexts.append(context)
    try:
        run_checks(CHECKS, context, results)
    finally:
        with _undisturbed(), suppress(CheckFailedError):
            context.sampler.stop()
            stack.remove()
            shutil.rmtree(copy, ignore_errors=True)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no second Ctrl-C end the clean-up."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _commit() -> str:
    with suppress(CheckFailedError, OSError):
        return run(["git", "describe", "--always", "--dirty"], folder=CHECKOUT).strip()
    return "unknown"


if __name__ == "__main__":
    sys.exit(main())
