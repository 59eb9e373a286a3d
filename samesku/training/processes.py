"""What a run computes on: a device, and one or several processes that train as one.

Each process computes its share of a batch; the loss is the whole batch's. torchrun starts the processes, on
one machine or on several.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from samesku.arrays import Float32
from samesku.artefacts import run_stage
from samesku.embedding import device as devices
from samesku.errors import InputError
from samesku.params.schema import Embed, Machine
from samesku.processor import sum_threads

PR_SET_PDEATHSIG = 1  # of Linux's prctl.h


@dataclass(frozen=True)
class Processes:
    """This process's rank among `count`. Every process must call `gather`, the sums and `wait`."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the outs and prints."""
        return self.rank == 0

    def share(self, n: int) -> slice:
        """This process's part of n rows; the lengths of two parts differ by at most one."""
        return slice(self.rank * n // self.count, (self.rank + 1) * n // self.count)

    def gather(self, rows: Tensor, n: int) -> Tensor:
        """(n, d): the rows of every process, in order. Gradients flow to this process's `rows`, (b, d).

        The processes' gradients therefore sum to those of the whole batch.
        """
        if self.count == 1:
            return rows
        longest = -(-n // self.count)
        padded = rows.new_zeros((longest, rows.shape[1]))
        padded[: len(rows)] = rows.detach()
        gathered = [torch.empty_like(padded) for _ in range(self.count)]
        dist.all_gather(gathered, padded)
        shares = [Processes(rank, self.count).share(n) for rank in range(self.count)]
        parts = [part[: share.stop - share.start] for part, share in zip(gathered, shares, strict=True)]
        parts[self.rank] = rows
        return torch.cat(parts)

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace each gradient by the sum over the processes."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        if self.count == 1 or not gradients:
            return
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        for gradient, summed in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(summed.view_as(gradient))

    def sum_array(self, array: Float32) -> Float32:
        """The sum of the processes' arrays, in place."""
        if self.count > 1:
            dist.all_reduce(torch.from_numpy(array))
        return array

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.count > 1:
            dist.barrier()


SINGLE_PROCESS = Processes()


@dataclass(frozen=True)
class ComputeConfig:
    """Where and how fast a run computes. Device and precision alone change a result, and only slightly."""

    device: torch.device
    precision: str
    batch_size: int = 64
    workers: int = 0
    processes: Processes = SINGLE_PROCESS

    @classmethod
    def from_params(cls, embed: Embed, machine: Machine, processes: Processes) -> ComputeConfig:
        """Also fixes torch's threads, which share the sums of a step; InputError without the device or precision."""
        devices.set_threads(sum_threads(machine.threads))
        device = devices.resolve(machine.device)
        precision = devices.precision(embed.precision, device)
        return cls(device, precision, embed.batch_size, machine.workers, processes)

    def describe(self) -> str:
        """For a summary line: «2 × cpu (1 threads), fp32»."""
        count = f"{self.processes.count} × " if self.processes.count > 1 else ""
        return count + devices.describe(self.device, self.precision)


@contextmanager
def join_processes() -> Iterator[Processes]:
    """Join the processes that torchrun has started, for as long as the context lasts."""
    if not dist.is_torchelastic_launched() or int(os.environ["WORLD_SIZE"]) < 2:
        yield SINGLE_PROCESS
        return
    with suppress(
        OSError, AttributeError
    ):  # Linux kills this process with torchrun: a killed training must end
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def run_torchrun(count: int, module: str, *arguments: str) -> None:
    """Run `count` processes of `module` on this machine, until all have ended.

    Raises:
        InputError: a process failed; it has printed why. KeyboardInterrupt: a signal stopped them.
    """
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    # torchrun would set it with a long warning; set_threads decides in any case.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # the InputError says it
    try:
        run.main(["--standalone", f"--nproc-per-node={count}", "-m", module, *arguments])
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        message = f"process {rank} of {count} ended with status {failure.exitcode}, the others with it"
        raise InputError(message) from error
    except SignalException as error:
        raise KeyboardInterrupt from error


def train_in_processes(train: Callable[[Processes], str], count: int, module: str, *arguments: str) -> str:
    """Call `train` here and in the processes that torchrun has started; else let torchrun start `count`.

    `module` is the script that calls this function when it is run with `arguments`. Gives the summary line.
    """
    with join_processes() as processes:
        if count > processes.count == 1:
            run_torchrun(count, module, *arguments)
            return f"by {count} processes of this machine"
        return train(processes)


def run_stage_in_processes(stage: str, main: Callable[[], str]) -> None:
    """As run_stage, which the first process does; the further ones print nothing, and end with the first."""
    if int(os.environ.get("RANK", "0")) == 0:
        run_stage(stage, main)
        return
    try:
        main()
    except InputError:
        time.sleep(10)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
