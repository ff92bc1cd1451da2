"""Random choices that are recorded by name, so that one can be taken back."""
import collections

# Spellings that do not reach the form of the others: (choice, option): why.
# They are left out, and every run reports how often.
NOT_MET = {}


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
