"""Where the models run and in which precision."""

import contextlib
import ctypes
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch

from samesku.errors import InputError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of malloc.h
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def resolve(name: str = "auto") -> torch.device:
    """The device of `machine.device`; auto takes CUDA, then MPS, then the CPU.

    A CUDA processor that is left unused is warned of in capitals: it is almost never meant.

    Raises:
        InputError: the device was asked for by name and is not there.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    devices = [device for device, is_available in available.items() if is_available]
    chosen = devices[0] if name == "auto" else name
    if chosen not in devices:
        raise InputError(
            f"machine.device is {name!r}, which this machine lacks; allowed here: auto, {', '.join(devices)}"
        )
    if chosen == "cpu" and (available["cuda"] or _has_nvidia()):
        why = "machine.device says so" if available["cuda"] else "this build of torch cannot use it"
        print(f"!!! THIS MACHINE HAS A CUDA PROCESSOR AND RUNS ON ITS CPU: {why} !!!", file=sys.stderr)
    return torch.device(chosen)


def precision(name: str, device: torch.device) -> str:
    """`embed.precision` on `device`; auto: bf16 where its processor has it, else fp32. InputError: fp16 on a CPU."""
    if name == "auto":
        return "bf16" if computes_bf16(device) else "fp32"
    if name == "fp16" and device.type == "cpu":
        raise InputError("embed.precision is 'fp16' on a CPU; allowed there: auto, fp32, bf16")
    return name


def computes_bf16(device: torch.device) -> bool:
    """Whether bf16 is computed by the processor itself; emulated, it would be slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)
    return False


def autocast(device: torch.device, chosen: str) -> AbstractContextManager[object]:
    """The context in which a forward pass computes in `chosen` precision."""
    if chosen == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=DTYPES[chosen])


def set_threads(threads: int) -> None:
    """Fix the CPU threads, whose number decides a sum's order and so its last bit, and cuDNN's algorithms.

    Also keep the memory that one step of a model frees for the next one, where the C library allows it: given
    back and mapped again each time, it costs a vision model on a CPU half of its time in page faults.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(M_MMAP_THRESHOLD, 2**30)  # large blocks come from the heap
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)  # of which none is given back before the process ends
        mallopt(M_ARENA_MAX, 1)  # a thread's own arena holds no block above 32 MB
    torch.set_num_threads(threads)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


def describe(device: torch.device, chosen: str, engine: str = "torch") -> str:
    """For a summary line: «cpu (2 threads), bf16», and the engine where it is not torch."""
    name = device.type
    if name == "cuda":
        name = torch.cuda.get_device_name(device)
    elif name == "cpu":
        name = f"cpu ({torch.get_num_threads()} threads)"
    return ", ".join([name, chosen, *([engine] if engine != "torch" else [])])


def processor(device: torch.device) -> list[str]:
    """What the bits of a vector depend on; the number of threads is not among it."""
    model = ""
    if device.type == "cuda":
        model = torch.cuda.get_device_name(device)
    elif device.type == "cpu":
        model = torch.backends.cpu.get_cpu_capability()
    return [device.type, model, torch.__version__]


def _has_nvidia() -> bool:
    """Whether a CUDA processor is there that this build of torch does not see."""
    return Path("/proc/driver/nvidia/version").exists()
