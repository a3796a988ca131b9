"""What the page "Design your own" says."""

from __future__ import annotations

from math import sqrt

from app.demos.data_choice import Pictures

RULES = """
Choose a net of at most **5 million multiply-adds** a picture and train it from three first weights
(**seeds**), all with one recipe: NF + AGC, rate 1, 150 steps of 128 pictures. {whose} Who is higher
with no more multiply-adds is ahead: extend the **dashed line**, on which nobody has done better
with fewer.
"""
SHARED = "Your net appears on the chart that everybody on this server sees."
PRIVATE = (
    "Nets trained on {called} stay **off everybody's chart**: accuracies on other pictures do not "
    "compare. The chart here is yours alone, as long as this page is open."
)
APART = (
    "CIFAR-10 has a chart of its own, because accuracies on other pictures do not compare. "
    "{unrecorded} This chart begins empty when the server starts."
)

BARS = """
**The bar** goes from the lowest to the highest of a net's seeds, the point is their mean: the same
net, the same pictures, only other first weights and another order. A difference smaller than the
bars is **noise**: another three seeds might turn it round. The more nets a room tries, the more
likely the best of them was also lucky; a fair search would train the winner again with new seeds.
The test has {testing:,} pictures, so a score of 0.7 is itself sure only to about ±{sure:.2f}.
"""


def rules(pictures: Pictures) -> str:
    """The game on these pictures: whose chart it is."""
    if pictures.private:
        return RULES.format(whose=PRIVATE.format(called=pictures.called))
    if pictures.drawn:
        return RULES.format(whose=SHARED)
    return RULES.format(whose=f"{SHARED} {APART.format(unrecorded=pictures.unrecorded)}")


def bars(pictures: Pictures) -> str:
    """What a bar says; the last digit counts twice the binomial standard deviation at 0.7."""
    sure = 2 * sqrt(0.7 * 0.3 / pictures.testing)
    return BARS.format(testing=pictures.testing, sure=sure)


COST = """
Multiply-adds are counted, not timed. A net with few of them need not train quickly: small groups
and many layers save multiply-adds, and hardware gains little from that. This is why the NFNets were
designed for the time of a step on an accelerator, with groups of 128 channels.
"""
