"""Several processes that train as one: each runs its share of a batch, the loss is the whole batch's.

`torchrun` starts them, on one machine or on several; without it there is one process, and nothing here acts.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from samesku.errors import InputError

PR_SET_PDEATHSIG = 1  # of Linux's prctl.h


@dataclass(frozen=True)
class Processes:
    """This process and how many there are; the methods are met by all of them together."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and tells."""
        return self.rank == 0

    def share(self, n: int) -> slice:
        """This process's part of n things in a row; no two parts differ in length by more than one."""
        return slice(self.rank * n // self.count, (self.rank + 1) * n // self.count)

    def whole(self, own: Tensor, n: int) -> Tensor:
        """(n, d): the rows of every process, `own` being those of this one's share; gradients flow to `own`.

        The gradients of all processes therefore sum to those of the whole batch.
        """
        if self.count == 1:
            return own
        most = -(-n // self.count)
        padded = own.new_zeros((most, own.shape[1]))
        padded[: len(own)] = own.detach()
        gathered = [torch.empty_like(padded) for _ in range(self.count)]
        dist.all_gather(gathered, padded)
        shares = [Processes(rank, self.count).share(n) for rank in range(self.count)]
        parts = [rows[: part.stop - part.start] for rows, part in zip(gathered, shares, strict=True)]
        parts[self.rank] = own
        return torch.cat(parts)

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Give every process the sum of all processes' gradients."""
        own = [p.grad for p in parameters if p.grad is not None]
        if self.count == 1 or not own:
            return
        flat = torch.cat([gradient.reshape(-1) for gradient in own])
        dist.all_reduce(flat)
        for gradient, summed in zip(own, flat.split([g.numel() for g in own]), strict=True):
            gradient.copy_(summed.view_as(gradient))

    def sum(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """The sum of all processes' arrays, in place."""
        if self.count > 1:
            dist.all_reduce(torch.from_numpy(array))
        return array

    def wait(self) -> None:
        """Until all are here."""
        if self.count > 1:
            dist.barrier()


ALONE = Processes()


@contextmanager
def joined() -> Iterator[Processes]:
    """Join the processes that torchrun has started, for as long as the context lasts."""
    if not started():
        yield ALONE
        return
    _end_with_starter()
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def started() -> bool:
    """Whether torchrun has started this process as one of several."""
    return dist.is_torchelastic_launched() and int(os.environ["WORLD_SIZE"]) > 1


def start(count: int, module: str, *arguments: str) -> None:
    """Run `count` processes of `module` on this machine by torchrun, to their end.

    Raises:
        InputError: one of them failed, and has said why. KeyboardInterrupt: stopped by a signal.
    """
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as torchrun would, and say at length; set_threads decides
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # what it knows is told below
    try:
        run.main(["--standalone", f"--nproc-per-node={count}", "-m", module, *arguments])
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        raise InputError(
            f"process {rank} of {count} ended with status {failure.exitcode}, the others with it"
        ) from error
    except SignalException as error:
        raise KeyboardInterrupt from error


def _end_with_starter() -> None:
    """Be killed with torchrun where the system can do that (Linux): a killed training must not go on."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
