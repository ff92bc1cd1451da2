"""Prints functions of the attn dialect, one line per step, types inferred."""
import math

MINUS_INFINITY = "0xFFF0000000000000 : f64"


class Tensor:
    def __init__(self, name, shape, element):
        self.name, self.shape, self.element = name, tuple(shape), element

    @property
    def type(self):
        return f"tensor<{''.join(f'{size}x' for size in self.shape)}{self.element}>"


def broadcast(*shapes):
    """The shape of operands that are aligned at their last dimension."""
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(max(sizes) for sizes in zip(*padded))


def number(value):
    """A float as MLIR reads it."""
    if value == -math.inf:
        return MINUS_INFINITY
    text = repr(float(value))
    mantissa, mark, exponent = text.partition("e")
    return (mantissa if "." in mantissa else mantissa + ".0") + mark + exponent


class Graph:
    """A function under construction: methods add a step and return its result."""

    def __init__(self, name, shapes, elements):
        self.name, self.lines, self.count = name, [], 0
        self.arguments = {}
        for i, (tensor, shape) in enumerate(shapes.items()):
            self.arguments[tensor] = Tensor(f"%arg{i}", shape, elements.get(tensor, "f32"))

    def __getitem__(self, tensor):
        return self.arguments[tensor]

    def step(self, op, operands, shape, fields="", element="f32", types=None, tail=""):
        """Appends `%n = attn.op operands tail {fields} : types`."""
        result = Tensor(f"%{self.count}", shape, element)
        self.count += 1
        inputs = ", ".join(tensor.name for tensor in operands)
        types = types or f"{', '.join(tensor.type for tensor in operands)} -> {result.type}"
        parts = [f"{result.name} = attn.{op}", inputs, tail, "{" + fields + "}" if fields else "", ": " + types]
        self.lines.append("    " + " ".join(part for part in parts if part))
        return result

    # Shapes.
    def transpose(self, x, *permutation):
        order = ", ".join(map(str, permutation))
        return self.step("transpose", [x], [x.shape[i] for i in permutation], f"permutation = array<i64: {order}>")

    def swap(self, x):
        """The last two dimensions, exchanged."""
        rank = len(x.shape)
        return self.transpose(x, *range(rank - 2), rank - 1, rank - 2)

    def unflatten(self, x, dim, outer):
        if outer <= 0 or x.shape[dim] % outer:
            raise ValueError(f"width {x.shape[dim]} does not split into {outer} heads")
        shape = (*x.shape[:dim], outer, x.shape[dim] // outer, *x.shape[dim + 1:])
        return self.step("unflatten", [x], shape, f"dim = {dim}")

    def flatten(self, x, dim):
        shape = (*x.shape[:dim], x.shape[dim] * x.shape[dim + 1], *x.shape[dim + 2:])
        return self.step("flatten", [x], shape, f"dim = {dim}")

    def expand(self, x, dim, times):
        shape = (*x.shape[:dim], times, *x.shape[dim:])
        return self.step("expand", [x], shape, f"dim = {dim}", x.element)

    def repeat_interleave(self, x, dim, times):
        shape = [size * times if i == dim else size for i, size in enumerate(x.shape)]
        return self.step("repeat_interleave", [x], shape, f"times = {times}, dim = {dim}")

    def slice(self, x, dim, offset, size):
        shape = [size if i == dim else other for i, other in enumerate(x.shape)]
        return self.step("slice", [x], shape, f"dim = {dim}, offset = {offset}", x.element)

    def concat(self, inputs, dim):
        total = sum(x.shape[dim] for x in inputs)
        shape = [total if i == dim else size for i, size in enumerate(inputs[0].shape)]
        return self.step("concat", inputs, shape, f"dim = {dim}")

    # Arithmetic.
    def matmul(self, lhs, rhs):
        return self.step("matmul", [lhs, rhs], (*lhs.shape[:-1], rhs.shape[-1]))

    def linear(self, x, weight, bias=None):
        result = (*x.shape[:-1], weight.shape[0])
        tail = f"bias({bias.name} : {bias.type})" if bias else ""
        return self.step("linear", [x, weight], result, tail=tail)

    def binary(self, op, lhs, rhs):
        element = lhs.element if lhs.element == rhs.element else "f32"
        return self.step(op, [lhs, rhs], broadcast(lhs.shape, rhs.shape), element=element)

    def unary(self, op, x):
        return self.step(op, [x], x.shape, element=x.element, types=x.type)

    def scale(self, x, by):
        return self.step("scale", [x], x.shape, f"by = {number(by)}", types=x.type)

    def softmax(self, x):
        return self.step("softmax", [x], x.shape)

    def sum(self, x, dim):
        return self.step("sum", [x], [1 if i == dim else size for i, size in enumerate(x.shape)], f"dim = {dim}")

    def layer_norm(self, x, weight, bias, eps=1e-5):
        tail = f"weight({weight.name} : {weight.type}) bias({bias.name} : {bias.type})"
        return self.step("layer_norm", [x], x.shape, f"eps = {number(eps)}", types=x.type, tail=tail)

    def rope(self, x, theta, pairing):
        rope = f"position = #attn.rope<theta = {number(theta)}, pairing = {pairing}>"
        return self.step("rope", [x], x.shape, rope, types=x.type)

    # Masks.
    def full(self, shape, value, element):
        result = Tensor("", shape, element)
        text = ("true" if value else "false") if element == "i1" else number(value)
        return self.step("full", [], shape, f"value = {text}", element, types=result.type)

    def triangle(self, op, x, diagonal):
        return self.step(op, [x], x.shape, f"diagonal = {diagonal}", x.element, types=x.type)

    def masked_fill(self, x, where, value):
        return self.step("masked_fill", [x, where], x.shape, f"value = {number(value)}",
                         types=f"{x.type}, {where.type}")

    def text(self, out):
        """The whole module; `out` is what the function returns."""
        arguments = ",\n      ".join(f'{tensor.name}: {tensor.type} {{attn.name = "{name}"}}'
                                     for name, tensor in self.arguments.items())
        body = "\n".join(self.lines)
        return (f"func.func @{self.name}(\n      {arguments})\n"
                f'    -> ({out.type} {{attn.name = "out"}}) {{\n{body}\n'
                f"    return {out.name} : {out.type}\n}}\n")
