"""A catalogue of five listings whose every score can be checked on paper.

       image       title      product
    A  (1, 0)      (1, 0)     p
    B  (0.6, 0.8)  (0.8, 0.6) p
    C  none        (1, 0)     p
    D  (0, 1)      none       q
    E  (1, 0)      (0, 1)     q

At α 0.5: AB 0.3 + 0.4 = 0.7; AC 1 and BC 0.8 by title alone; AD 0 and BD 0.8 by picture alone; AE 0.5;
BE 0.3 + 0.3 = 0.6; CE 0 by title; DE 0 by picture; C and D have nothing in common.
"""

import numpy as np

A, B, C, D, E = range(5)
IMAGE = np.array([[1, 0], [0.6, 0.8], [0, 0], [0, 1], [1, 0]], dtype=np.float32)
TITLE = np.array([[1, 0], [0.8, 0.6], [1, 0], [0, 0], [0, 1]], dtype=np.float32)
CHANNELS = {"image": IMAGE, "title": TITLE}
HALVES = {"image": 0.5, "title": 0.5}
PRODUCT = np.array([0, 0, 0, 1, 1], dtype=np.int32)

SCORE = {
    (A, B): 0.7,
    (A, C): 1.0,
    (A, D): 0.0,
    (A, E): 0.5,
    (B, C): 0.8,
    (B, D): 0.8,
    (B, E): 0.6,
    (C, E): 0.0,
    (D, E): 0.0,
}
NEIGHBOURS = {A: [C, B, E, D], B: [C, D, A, E], C: [A, B, E], D: [B, A, E], E: [B, A, C, D]}
