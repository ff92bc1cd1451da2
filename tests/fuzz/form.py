"""The form of a fused function, the same for equal functions whatever the names
and the order of their arguments, and however their weights are put together."""
import hashlib
import re

import numpy

OPERATION = re.compile(r'^\s*(?:(%[\w]+)(?::\d+)? = )?"([\w.]+)"\(([^)]*)\)(.*)$')
FLOAT = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")
TENSOR = re.compile(r"tensor<((?:[\d?]+x)*)(\w+)>")
SORTED = {"attn.add", "attn.mul", "attn.and", "attn.or"}
LEFT_OVER = {"attn.softmax", "attn.masked_softmax"}


def sizes(type_text):
    """Sizes of a tensor type, -1 for an open one."""
    listed = TENSOR.search(type_text)[1].split("x")
    return tuple(-1 if size == "?" else int(size) for size in listed if size)


def attribute(text, name):
    return int(re.search(rf"\b{name} = (-?\d+)", text)[1])


class Weight:
    """A parameter: which logical element each of its elements is."""

    def __init__(self, labels):
        self.labels = labels


class Projection:
    """Rows of x times a parameter: labels of [trailing sizes..., inputs]."""

    def __init__(self, x, lead, labels, bias):
        self.x, self.lead, self.labels, self.bias = x, tuple(lead), labels, bias

    def apply(self, view, dim):
        """`view` of an array and a dimension of its own; None if it is a leading one."""
        dim -= len(self.lead)
        if dim < 0:
            return None
        bias = None if self.bias is None else view(self.bias, dim)
        return Projection(self.x, self.lead, view(self.labels, dim), bias)


def view(op, rest, shape):
    """What a shape operation does to an array along one dimension, and which; or None."""
    if op == "attn.slice":
        dim, offset = attribute(rest, "dim"), attribute(rest, "offset")
        return dim, lambda a, d: a.take(range(offset, offset + shape[dim]), axis=d)
    if op == "attn.unflatten":
        dim = attribute(rest, "dim")
        return dim, lambda a, d: a.reshape(*a.shape[:d], shape[dim], shape[dim + 1], *a.shape[d + 1:])
    if op == "attn.flatten":
        dim = attribute(rest, "dim")
        return dim, lambda a, d: a.reshape(*a.shape[:d], a.shape[d] * a.shape[d + 1], *a.shape[d + 2:])
    if op == "attn.expand":
        dim = attribute(rest, "dim")
        return dim, lambda a, d: numpy.repeat(numpy.expand_dims(a, d), shape[dim], axis=d)
    return None


class Form:
    def __init__(self, lines, labels):
        self.values, self.keys, self.lines = {}, {}, []
        self.flashes = self.left_over = 0
        names = re.findall(r'attn\.name = "([^"]+)"', lines[0])
        begin = next(i for i, line in enumerate(lines) if "^bb0" in line)
        arguments = re.findall(r"(%\w+): (tensor<[^>]+>)", lines[begin])
        for (value, type_text), name in zip(arguments, names):
            known = labels.get(name)
            self.values[value] = self.node(f"argument {name} : {type_text}") if known is None else Weight(known)
        self.read(lines[begin + 1:])

    @property
    def text(self):
        return "\n".join(sorted(self.lines))

    @property
    def meaning(self):
        """What the function returns."""
        return self.lines[-1]

    @property
    def is_fused(self):
        return self.flashes > 0 and not self.left_over

    def node(self, key):
        if key not in self.keys:
            # The name says what the value is, so that equal graphs have one.
            self.keys[key] = "#" + hashlib.sha256(key.encode()).hexdigest()[:8]
            self.lines.append(f"{self.keys[key]} = {key}")
        return self.keys[key]

    def digest(self, array):
        return hashlib.sha256(repr((array.shape, array.tolist())).encode()).hexdigest()[:12]

    def made(self, value):
        """The value as a node of its own."""
        if isinstance(value, Weight):
            return self.node(f"weight {list(value.labels.shape)} {self.digest(value.labels)}")
        if isinstance(value, Projection):
            bias = "" if value.bias is None else self.digest(value.bias)
            shape = [*value.lead, *value.labels.shape[:-1]]
            return self.node(f"project {value.x} {shape} {self.digest(value.labels)} {bias}")
        return value

    def read(self, lines):
        i = 0
        while i < len(lines):
            match = OPERATION.match(lines[i])
            i += 1
            if not match:
                continue
            result, op, operands, rest = match.groups()
            if rest.rstrip().endswith("({"):
                end = next(j for j in range(i, len(lines)) if lines[j].lstrip().startswith("})"))
                rest = rest.rstrip() + self.region(lines[i:end]) + lines[end].strip()
                i = end + 1
            operands = [name.strip() for name in operands.split(",") if name.strip()]
            self.step(result, op, [self.find(name) for name in operands], rest)

    def find(self, name):
        base, _, number = name.partition("#")
        value = self.values[base]
        return f"{value}.{number}" if number else value

    @staticmethod
    def region(lines):
        """The text of a region with its values named in order."""
        names = {}
        text = " ; ".join(line.strip() for line in lines)
        return re.sub(r"%\w+", lambda match: names.setdefault(match[0], f"%v{len(names)}"), text)

    def step(self, result, op, operands, rest):
        self.flashes += op == "attn.flash"
        self.left_over += op in LEFT_OVER
        if result:
            self.values[result] = self.symbolic(op, operands, rest) or self.plain(op, operands, rest)
        elif op == "func.return":
            self.plain(op, operands, rest)

    def plain(self, op, operands, rest):
        names = [self.made(value) for value in operands]
        rest = FLOAT.sub(lambda match: f"{float(match[0]):.6g}", rest.strip())
        if op in SORTED:
            result = rest[rest.rindex("->"):]
            return self.node(f"{op} {' '.join(sorted(self.flattened(op, names)))} {result}")
        return self.node(f"{op}({', '.join(names)}) {rest}")

    def flattened(self, op, names):
        """Sums of sums have one list of operands."""
        by_name = {name: key for key, name in self.keys.items()}
        for name in names:
            key = by_name.get(name, "")
            if key.startswith(op + " "):
                yield from key[len(op) + 1:key.rindex("->")].split()
            else:
                yield name

    def symbolic(self, op, operands, rest):
        """A parameter, or a projection, that the step only arranges anew."""
        shape = sizes(rest[rest.rindex("->"):]) if "->" in rest else ()
        first = operands[0] if operands else None
        if op == "attn.linear" and isinstance(operands[1], Weight):
            return self.project(first, shape, operands[1].labels, operands[2:])
        if op == "attn.matmul" and isinstance(operands[1], Weight) and operands[1].labels.ndim == 2:
            return self.project(first, shape, operands[1].labels.T, [])
        if op == "attn.add" and isinstance(first, Projection) and isinstance(operands[1], Weight):
            return Projection(first.x, first.lead, first.labels, operands[1].labels) if first.bias is None else None
        if op == "attn.head_linear" and isinstance(operands[1], Weight):
            labels = operands[1].labels.swapaxes(1, 2) if "transposed" in rest else operands[1].labels
            return self.node(f"project heads {self.made(first)} {self.digest(labels)}")
        if op == "attn.concat" and all(isinstance(value, Weight) for value in operands):
            return Weight(numpy.concatenate([value.labels for value in operands], axis=attribute(rest, "dim")))
        if op == "attn.transpose":
            return self.transposed(first, rest)
        change = view(op, rest, shape)
        if change and isinstance(first, Weight):
            return Weight(change[1](first.labels, change[0]))
        if change and isinstance(first, Projection):
            return first.apply(change[1], change[0])
        return None

    def project(self, x, shape, labels, biases):
        if biases and not isinstance(biases[0], Weight):
            return None
        return Projection(self.made(x), shape[:-1], labels, biases[0].labels if biases else None)

    def transposed(self, value, rest):
        order = [int(i) for i in re.search(r"array<i64: ([^>]+)>", rest)[1].split(",")]
        if isinstance(value, Weight):
            return Weight(value.labels.transpose(order))
        if not isinstance(value, Projection):
            return None
        lead = len(value.lead)
        if order[:lead] != list(range(lead)):
            return None
        inner = [i - lead for i in order[lead:]]
        bias = None if value.bias is None else value.bias.transpose(inner)
        return Projection(value.x, value.lead, value.labels.transpose(*inner, len(inner)), bias)


def split_functions(text):
    """The lines of each function in generic form, by name."""
    functions, lines = {}, None
    aliases = dict(re.findall(r"^(!\w+) = (.*)$", text, re.M))
    for line in text.splitlines():
        line = re.sub(r"!\w+", lambda match: aliases.get(match[0], match[0]), line)
        if '"func.func"' in line:
            lines = []
            functions[re.search(r'sym_name = "([^"]+)"', line)[1]] = lines
        if lines is not None:
            lines.append(line)
    return functions
