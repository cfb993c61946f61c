"""What people forget, told where a finding shows it."""

from __future__ import annotations

NOT_RESTORED = (
    "undisturbed it comes out the same each time, so something was not restored: what a step changes must be in the checkpoint "
    "(optimizer, scaler, generator, counter: trial.keep), and what an epoch draws, such as the order of its rows, must follow from "
    "seed and epoch, not from a generator that has gone on since"
)
NOT_REPEATABLE = (
    "two trainings that nobody disturbed differ, so equal bits after a stop were not looked for: seed every generator by the seed of the "
    "trial, and let nothing depend on the time, on the order of files or sets, or on the number of threads"
)
NOT_DECODED = (
    "the path of a URI is percent-encoded, and this trainer does not decode it (Python: urllib.parse.unquote): "
    "it fails in folders with a space"
)
NOT_FINITE = (
    "look for a loss that grows without end (a smaller learning rate, clipped gradients), a division by 0, the logarithm of 0, and for a "
    "metric that needs what the data lack, such as an AUC of rows of one class"
)
OTHER_DATA = "it was given the checker's small data set, a ranking; --data PARTS gives it yours"
