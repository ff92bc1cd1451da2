#!/usr/bin/env python3
"""Random attention graphs and layers, each written in several ways: no pass
changes what one computes, and all ways reach one fused form.

    run.py [--bin FOLDER] [--cases N] [--seed S] [--case I] [--unmet]

Prints a line `ok` or `not ok` for every hundred cases. A failure is reduced and
printed with the command that shows it.
"""
import argparse
import collections
import difflib
import os
import random
import sys
import tempfile
import time

import choices
import declare
import traps
from choices import Choices
from form import Form, split_functions
from meaning import random_meaning, simpler
from reduce import bisect, reduce_case
from spell import Speller
from tools import Tools

BATCH = 100
# In every so-manieth batch costs choose the form of latent attention, so that
# spellings may end in several.
AUTO = 5
SPELLINGS = 3


class Failure:
    def __init__(self, kind, detail, text, state=None):
        self.kind, self.detail, self.text, self.state = kind, detail, text, state


class GraphCase:
    """A meaning in its plain spelling and others: (choices, trap) each."""

    def __init__(self, name, meaning, spellings):
        self.name, self.meaning = name, meaning
        self.functions, self.labels, self.made = {}, {}, {}
        self.traps = {}
        self.form = "absorbed" if meaning.family == "latent" else "expanded"
        for number, (chosen, trap) in enumerate(spellings):
            function = f"{name}_{'plain' if number == 0 else number}"
            speller = Speller(meaning, chosen, function, trap)
            self.functions[function], self.labels[function] = speller.spell()
            self.made[function], self.traps[function] = chosen.made, trap

    @staticmethod
    def random(name, rng, unmet):
        meaning = random_meaning(rng)
        spellings = [(Choices(), None)]
        spellings += [(Choices(rng, unmet=unmet), None) for _ in range(SPELLINGS)]
        possible = traps.applicable(meaning)
        if possible and rng.random() < 0.5:
            spellings.append((Choices(rng, unmet=unmet), rng.choice(possible)))
        return GraphCase(name, meaning, spellings)

    def check(self, forms):
        """The first failure, as (kind, function, detail)."""
        if self.form == "auto":
            return None
        plain = forms[f"{self.name}_plain"]
        for function, form in forms.items():
            trap = self.traps[function]
            if trap and traps.TRAPS[trap][0] == "unfused" and form.flashes:
                return "trap fuses", function, trap
            if trap and form.meaning == plain.meaning:
                return "trap has the form of the meaning", function, trap
            if not trap and not form.is_fused:
                return "stays unfused", function, ""
            if not trap and form.meaning != plain.meaning:
                diff = difflib.unified_diff(plain.text.splitlines(), form.text.splitlines(), lineterm="", n=1)
                return "has another form", function, "\n".join(diff)
        return None

    def narrowed(self, function):
        """The plain function and one other, as a state to reduce."""
        return self.meaning, self.made[function], self.traps[function]


class LayerCase:
    """A declared layer, and one with its implied fields written out."""

    def __init__(self, name, rng):
        self.name, self.functions = name, declare.layers(rng, name)
        self.labels = collections.defaultdict(dict)
        self.form = "auto"

    def check(self, forms):
        by_layer = collections.defaultdict(list)
        for function, form in forms.items():
            if not form.is_fused:
                return "stays unfused", function, ""
            by_layer[function.removeprefix(self.name + "_").split("_")[0]].append(form.meaning)
        if by_layer["plain"] != by_layer["1"]:
            return "has another form", f"{self.name}_1", ""
        return None

    def narrowed(self, function):
        return None


def state_case(state, form):
    meaning, made, trap = state
    case = GraphCase("case", meaning, [(Choices(), None), (Choices(made=made), trap)])
    if form == "auto":
        case.form = form
    return case


def unusual(state):
    """The choices that are not plain."""
    meaning, made, trap = state
    plain = Choices()
    Speller(meaning, plain, "f").spell()
    return {name: option for name, option in made.items() if option and plain.made.get(name) != option}


def smaller(state):
    """States with fewer unusual choices, then simpler meanings."""
    meaning, made, trap = state
    names = list(unusual(state))
    size = len(names)
    while size > 0:
        for begin in range(0, len(names), size):
            gone = names[begin:begin + size]
            yield meaning, {name: made[name] for name in names if name not in gone}, trap
        size //= 2
    for candidate in simpler(meaning):
        if trap is None or trap in traps.applicable(candidate):
            yield candidate, made, trap


class Runner:
    def __init__(self, options):
        self.tools, self.options = Tools(options.bin, options.without), options
        self.failures, self.functions, self.reduced = collections.Counter(), 0, 0
        self.kinds = collections.Counter()

    # One module.
    def examine(self, case):
        """The failure of a case that stands alone, or None."""
        fused = self.tools.fuse("\n".join(case.functions.values()), case.form)
        if fused.broken:
            return "breaks", next(reversed(case.functions)), fused.broken
        return self.judge(case, fused, self.forms([case], fused))

    def forms(self, cases, fused):
        labels = {function: case.labels[function] for case in cases for function in case.functions}
        return {function: Form(lines, labels.get(function, {}))
                for function, lines in split_functions(fused.ir).items()}

    def judge(self, case, fused, forms):
        for function in case.functions:
            for name, how in fused.changed.items():
                if name == function or name.startswith(function + "_"):
                    return "changes", function, how
        return case.check({f: form for f, form in forms.items() if f.startswith(case.name + "_")})

    # A batch.
    def run(self, first, count):
        """Failures of the cases first to first + count, by number."""
        made = {i: self.make(i) for i in range(first, first + count)}
        failures = {i: case for i, case in made.items() if isinstance(case, tuple)}
        by_form = collections.defaultdict(dict)
        for i, case in made.items():
            if case is not None and i not in failures:
                case.form = "auto" if first // BATCH % AUTO == AUTO - 1 else case.form
                by_form[case.form][i] = case
                self.functions += len(case.functions)
        for form, cases in by_form.items():
            failures |= self.run_together(cases, form)
        return failures

    def run_together(self, cases, form):
        """Failures of cases in one module."""
        failures = {}

        def fuse(some):
            return self.tools.fuse("\n".join(text for i in some for text in cases[i].functions.values()), form)

        while cases:
            fused = fuse(cases)
            if not fused.broken:
                break
            for i in bisect(list(cases), lambda some: fuse(some).broken):
                failures[i] = self.examine_apart(cases.pop(i))
        if cases:
            forms = self.forms(cases.values(), fused)
            for i, case in cases.items():
                failure = self.judge(case, fused, forms)
                if failure:
                    failures[i] = failure + (case,)
        return failures

    def examine_apart(self, case):
        """Which of a case's functions breaks the tools."""
        for function, text in case.functions.items():
            fused = self.tools.fuse(text, case.form)
            if fused.broken:
                return "breaks", function, fused.broken, case
        return "breaks", next(iter(case.functions)), "only together with others", case

    def make(self, i):
        rng = random.Random(f"{self.options.seed}/{i}")
        self.kinds["cases"] += 1
        if i % 50 == 7:
            self.kinds["configurations"] += 1
            return self.configuration(rng)
        if i % 10 == 3:
            self.kinds["layers"] += 1
            case = LayerCase(f"c{i}", rng)
            failure = self.kernels(case) if i % 100 == 3 else None
            return failure + (case,) if failure else case
        self.kinds["graphs"] += 1
        return GraphCase.random(f"c{i}", rng, self.options.unmet)

    def kernels(self, case):
        """Compiles a layer and compares the kernels with the reference."""
        function, text = next(iter(case.functions.items()))
        with tempfile.NamedTemporaryFile("w", suffix=".mlir") as file:
            file.write(text)
            file.flush()
            done = self.tools.run("attnc", "verify", file.name, "--verify-each-numeric")
        self.functions += 1
        if done.returncode == 0:
            return None
        return "is verified wrong", function, (done.stdout + done.stderr)[-600:]

    def configuration(self, rng):
        """Imports a model in two orders of its keys, and checks all its layers."""
        name, text, shuffled = declare.config(rng)
        declared = []
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "config.json")
            for command, words in (("import", text), ("import", shuffled), ("explain", text)):
                with open(path, "w") as file:
                    file.write(words)
                done = self.tools.run("attnc", command, path, *["--verify-each-numeric"][:command == "explain"])
                if done.returncode != 0:
                    return "fails", name, f"{command}: {(done.stdout + done.stderr)[-600:]}\n{words}", None
                declared.append(done.stdout)
        self.functions += 1
        return None if declared[0] == declared[1] else ("depends on the order of keys", name, text, None)

    # Reports.
    def report(self, i, failure):
        kind, function, detail, case = failure
        print(f"# case {i}: {function} {kind}: {detail}".replace("\n", "\n#   "))
        may_reduce = case and self.reduced < self.options.reduce
        state = case.narrowed(function) if may_reduce else None
        if state:
            self.reduced += 1
            state = reduce_case(state, smaller, lambda other: self.fails_alike(other, kind, case.form))
            self.print_state(i, state, case.form)
        elif may_reduce:
            print("".join("#   " + text for text in case.functions.values()))
        signature = kind
        if state:
            signature += f", {state[2]}" if state[2] else "".join(f", {n}={o}" for n, o in unusual(state).items())
        self.failures[signature] += 1
        print(f"#   again: tests/fuzz/run.py --bin {self.options.bin} --seed {self.options.seed} --case {i}")

    def fails_alike(self, state, kind, form):
        try:
            failure = self.examine(state_case(state, form))
        except (AssertionError, IndexError, KeyError, ValueError):
            return False
        return failure is not None and failure[0] == kind

    def print_state(self, i, state, form):
        case = state_case(state, form)
        os.makedirs(self.options.keep, exist_ok=True)
        path = os.path.join(self.options.keep, f"case-{self.options.seed}-{i}.mlir")
        failure = self.examine(case)
        with open(path, "w") as file:
            file.write(f"// {failure[0]}: {failure[1]}\n" if failure else "")
            file.write("\n".join(case.functions.values()))
        print(f"#   reduced to {state[0]}")
        print(f"#   spelled {unusual(state)}{', trap ' + state[2] if state[2] else ''}")
        if failure:
            print("#   " + failure[2].replace("\n", "\n#   "))
        print(f"#   {path}:")
        with open(path) as file:
            print("".join("#   " + line for line in file))
        print(f"#   attn-opt {path} {' '.join(self.tools.flags_for(form))} --verify-each-numeric")


def parse():
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.dirname(os.path.dirname(here))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=os.path.join(root, "build", "release", "bin"), help="where the tools are")
    parser.add_argument("--cases", type=int, default=300, help="how many cases")
    parser.add_argument("--seed", default="1", help="of all random choices")
    parser.add_argument("--case", type=int, help="only this case")
    parser.add_argument("--unmet", action="store_true", help="also spellings that are known not to meet")
    parser.add_argument("--without", metavar="PASS", help="leave a pass out, to see that it is missed")
    parser.add_argument("--reduce", type=int, default=8, help="how many failures to reduce at most")
    parser.add_argument("--keep", default=os.path.join(root, "build", "fuzz"), help="where reduced failures go")
    return parser.parse_args()


def main():
    options, started = parse(), time.time()
    runner = Runner(options)
    first, end = (options.case, options.case + 1) if options.case is not None else (0, options.cases)
    failed = 0
    for number, begin in enumerate(range(first, end, BATCH), 1):
        count = min(BATCH, end - begin)
        before = runner.functions
        failures = runner.run(begin, count)
        for i, failure in sorted(failures.items()):
            runner.report(i, failure)
        failed += len(failures)
        print(f"{'not ok' if failures else 'ok'} {number} - cases {begin} to {begin + count - 1}: "
              f"{runner.functions - before} functions, {len(failures)} failures", flush=True)
    for (name, option), times in sorted(Choices.skipped.items(), key=str):
        print(f"# not met yet, left out {times} times: {name} = {option}: {choices.NOT_MET[name, option]}")
    for signature, times in runner.failures.most_common():
        print(f"# {times} x {signature}")
    kinds = ", ".join(f"{times} {kind}" for kind, times in runner.kinds.items())
    print(f"# {kinds}; {runner.functions} functions, {failed} failures, {time.time() - started:.0f} s, "
          f"seed {options.seed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
