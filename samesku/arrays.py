"""Types of NumPy arrays by what they hold; the docstring of a function gives their shapes."""

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Ints = NDArray[np.integer]  # of any width
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Floats = NDArray[np.floating]  # of any width
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Strings = NDArray[np.str_]
