"""What each sweep runs, and what its recorded runs support: no more than that.

The tables behind the findings are in LOG.md; a test holds each finding against the recordings.
"""

SETTINGS = {
    "map": """
The NF net on the shapes. As in the story, the rate grows with the batch: 0.3 at batch 128. Each
cell is the mean test accuracy; **framed**: within 0.01 of the row's best.
""",
    "u": """
The NF net at rate 1, batch 128, 100 steps, with two ways of clipping: **AGC**, each unit against
its own weights, and **the global norm**, all gradients together against one length. The dotted line
is the share of units (on the right: of steps) whose gradient was shortened.
""",
    "small": """
The same net at small batches. The rate shrinks with the batch (0.3 at batch 128), and small batches
take more steps: 2500 at batch 2, 1500 at 4, 800 at 8, 400 at 16, 100 at 128. AGC has λ 0.1.
Nothing was tuned for any of the three.
""",
    "transfer": """
Does a threshold that is good for one net suit another? The NF net at rate 1 with half and double
the width, and with 3 and 15 blocks in place of 6. Nothing but the net changes.
""",
}
FINDINGS = {
    "map": "",
    "u": "",
    "small": "",
    "transfer": "",
}
