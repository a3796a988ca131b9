"""What each sweep runs, and what its recorded runs support: no more than that.

The tables behind the findings are in LOG.md; a test holds each finding against the recordings.
"""

SETTINGS = {
    "map": """
The NF net. As in the story, the rate grows with the batch: 0.3 at batch 128. Each
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
    "map": """
**The larger the batch, and with it the rate, the smaller the best threshold**: 0.3 or none at
batch 16, 0.1 at 64, 0.03 at 128, 0.01 at 256 and at 512. Without clipping every net is lost from
batch 128 on. One toy net, one schedule: a law it is not.
""",
    "u": """
**Too small crawls, too large lets go**, for both ways of clipping. The left arm is partly our
hurry: 100 steps are few. AGC is best at λ 0.01. The global norm, with its own best threshold, did
**no worse on this net**, rather a little better, and forgave more: c from 0.2 to 0.8 all stay
above 0.94. So this is no argument for AGC; whether one threshold suits other nets is asked in
"Other nets, same threshold".
""",
    "small": """
**At batch 2 and 4 BN falls behind** (0.65 and 0.86), and NF does not (0.96 and 0.97), in every
seed; at batch 8 and 16 their ranges overlap. At 128 NF without clipping is lost in all five
seeds, and AGC holds it at 0.88. At small batches the same λ 0.1 only costs accuracy: a threshold
belongs to its batch size. **All three lines rise from batch 2 to 8 or 16** and end lower at 128;
steps and rate change with the batch, so this does not say which batch is best.
""",
    "transfer": """
**Both thresholds serve the other nets too.** λ 0.01 ends within about 0.01 of the best λ tried, on
all five nets, and c 0.4 is the best c tried on all five. It ends above AGC's best each time, by
0.003 to 0.03. Twice c 0.4, or three times λ 0.01, breaks the net of 15 blocks in some seeds. So on
these toys, at this rate and batch, transfer is no argument for AGC either; the paper's nets are
others.
""",
}
