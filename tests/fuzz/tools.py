"""Runs attn-opt and attnc, and reads what they say."""
import os
import re
import subprocess
import tempfile

CHANGED = re.compile(r"error: pass '([^']+)' changed (?:the signature of )?'([^']+)'(.*)")
LEFT_OUT = re.compile(r"^verify-each-numeric: .*left out", re.M)
TRIVIAL = """func.func @core(%q: tensor<?x?x1x2xf32>) -> tensor<?x?x1x2xf32> {
  return %q : tensor<?x?x1x2xf32>
}
"""


class Tools:
    def __init__(self, folder, without=None):
        self.folder = folder
        self.flags = [flag for flag in self.read_pipeline() if flag != f"--{without}"]

    def run(self, tool, *arguments, timeout=300):
        return subprocess.run([os.path.join(self.folder, tool), *arguments], capture_output=True, text=True,
                              timeout=timeout)

    def read_pipeline(self):
        """The fusion passes of attnc, as a dump of its stages says."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "trivial.mlir")
            with open(path, "w") as file:
                file.write(TRIVIAL)
            self.run("attnc", "explain", path, "--scope", "core", "--dump-ir", os.path.join(folder, "stages"))
            flags = []
            for stage in sorted(os.listdir(os.path.join(folder, "stages"))):
                with open(os.path.join(folder, "stages", stage)) as file:
                    passes = re.search(r"^// Passes: (.*)$", file.read(), re.M)
                for name, options in re.findall(r"([\w-]+)(?:\{([^}]*)\})?(?:,|$)", passes[1] if passes else ""):
                    flags.append(f"--{name}={options}" if options else f"--{name}")
        return flags

    def flags_for(self, form):
        """The passes, with latent attention in this form: costs choose if it is
        "auto"."""
        return [f"{flag}=form={form}" if flag == "--attn-absorb-projections" else flag for flag in self.flags]

    def fuse(self, text, form):
        """The fused module in generic form, and what was reported."""
        with tempfile.NamedTemporaryFile("w", suffix=".mlir") as file:
            file.write(text)
            file.flush()
            done = self.run("attn-opt", file.name, *self.flags_for(form), "--verify-each-numeric",
                            "--mlir-print-op-generic")
        return Fused(done)


class Fused:
    def __init__(self, done):
        self.messages, self.ir = done.stderr, done.stdout
        # A pass that changes a function is named, and the others go on.
        self.changed = {name: f"pass '{by}' changes it{how}" for by, name, how in CHANGED.findall(done.stderr)}
        is_broken = done.returncode != 0 and not self.changed
        self.broken = self.first_error() if is_broken else ""
        if not is_broken and LEFT_OUT.search(done.stderr):
            self.broken = "a function cannot be interpreted at any stage"

    def first_error(self):
        found = re.search(r"^.*error: (.*)$", self.messages, re.M)
        return found[1] if found else "attn-opt crashes: " + self.messages.strip()[:200]
