"""What the page "Design your own" says."""

RULES = """
Choose a net of at most **5 million multiply-adds** a picture and train it from three first weights
(**seeds**), all with one recipe: NF + AGC, rate 1, 150 steps of 128 pictures. Your net appears on
the chart that everybody on this server sees. Who is higher with no more multiply-adds is ahead:
extend the **dashed line**, on which nobody has done better with fewer.
"""

BARS = """
**The bar** goes from the lowest to the highest of a net's seeds, the point is their mean: the same
net, the same pictures, only other first weights and another order. A difference smaller than the
bars is **noise**: another three seeds might turn it round. The more nets a room tries, the more
likely the best of them was also lucky; a fair search would train the winner again with new seeds.
The test has 1,000 pictures, so a score of 0.7 is itself sure only to about ±0.03.
"""

COST = """
Multiply-adds are counted, not timed. A net with few of them need not train quickly: small groups
and many layers save multiply-adds, and hardware gains little from that. This is why the NFNets were
designed for the time of a step on an accelerator, with groups of 128 channels.
"""
