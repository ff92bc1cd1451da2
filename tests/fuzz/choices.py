"""Random choices that are recorded by name, so that one can be taken back."""
import collections

# Spellings that do not reach the form of the others: (choice, option): why.
# They are left out, and every run reports how often.
NOT_MET = {
    ("stacked projections with bias", "matmul"):
        "heads are merged by their projections, and a sum behind a product is none",
}
# A NaN that is key and value at once stays under a mask that is added, until
# attention is found in the graph: the numeric check calls that a change.
for name in ("added", "added fill", "added where", "joined", "finite added", "finite product", "finite difference",
             "renormalised"):
    NOT_MET["band of tied keys", name] = "a NaN under a mask that is added would change"
NOT_MET["hidden by of tied keys", "added"] = "a NaN under a mask that is added would change"


class Choices:
    """Options come with the plain one first. A choice that `made` names is made
    again; another is random, or plain without a generator."""

    skipped = collections.Counter()

    def __init__(self, rng=None, made=None, unmet=False):
        self.rng, self.given, self.unmet = rng, dict(made or {}), unmet
        self.made = {}

    def pick(self, name, options):
        options = list(options)
        if self.made.get(name) in options and name in self.made:
            return self.made[name]
        if name in self.given and self.given[name] in options:
            chosen = self.given[name]
        elif self.rng is None:
            chosen = options[0]
        else:
            chosen = self.rng.choice(options)
            if (name, chosen) in NOT_MET and not self.unmet:
                Choices.skipped[name, chosen] += 1
                chosen = options[0]
        self.made[name] = chosen
        return chosen

    def flag(self, name):
        return self.pick(name, [False, True])
