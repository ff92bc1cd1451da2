//===- AttnMathOps.td - products, sums, functions, norms ---*- tablegen -*-===//
//
// Graph level: the arithmetic around attention. Accumulation is in f32, in
// ascending order.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNMATHOPS_TD
#define DIALECTS_ATTN_ATTNMATHOPS_TD

include "dialects/attn/AttnTensors.td"

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

def Attn_MatmulOp : Attn_Op<"matmul", [Pure, Attn_NamedResults]> {
  let summary = "product of matrices, batch by batch";
  let description = [{
    `result[..., i, j] = sum_k lhs[..., i, k] * rhs[..., k, j]`. A `rhs` of two
    dimensions is the same for every batch.

    Constraints:
      C1: both have at least two dimensions, and equally many unless rhs has
          two.
      C2: the inner sizes agree, and the batch sizes.
      C3: the result has lhs's batch and rows and rhs's columns.

    Example:

    ```mlir
    func.func @matmul(%x: tensor<2x?x768xf32>, %weight: tensor<768x64xf32>)
        -> tensor<2x?x64xf32> {
      %queries = attn.matmul %x, %weight
          : tensor<2x?x768xf32>, tensor<768x64xf32> -> tensor<2x?x64xf32>
      return %queries : tensor<2x?x64xf32>
    }
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$lhs, Attn_FloatTensor:$rhs);
  let results = (outs Attn_FloatTensor:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Attn_LinearOp : Attn_Op<"linear", [Pure, Attn_NamedResults]> {
  let summary = "linear layer: a product with stored weights";
  let description = [{
    `result[..., o] = sum_i input[..., i] * weight[o, i] + bias[o]`. Checkpoints
    store weights [out, in]; a weight [in, out] is an `attn.matmul`.

    Constraints:
      C1: input has a dimension, and as many elements in its last as weight has
          columns.
      C2: bias has one element per row of weight.
      C3: the result has input's sizes, but as many elements in its last
          dimension as weight has rows.

    Example:

    ```mlir
    func.func @linear(%x: tensor<2x?x768xf32>, %weight: tensor<2304x768xf32>,
                      %bias: tensor<2304xf32>) -> tensor<2x?x2304xf32> {
      %qkv = attn.linear %x, %weight bias(%bias : tensor<2304xf32>)
          : tensor<2x?x768xf32>, tensor<2304x768xf32> -> tensor<2x?x2304xf32>
      return %qkv : tensor<2x?x2304xf32>
    }
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$input, 2DTensorOf<Attn_Stored>:$weight,
                       Optional<1DTensorOf<Attn_Stored>>:$bias);
  let results = (outs Attn_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` `(` $bias^ `:` type($bias) `)`)? attr-dict
    `:` type($input) `,` type($weight) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Attn_HeadLinearOp : Attn_Op<"head_linear", [Pure, Attn_NamedResults]> {
  let summary = "linear layer of its own for each head";
  let description = [{
    `result[b, s, h, o] = sum_i input[b, s, h, i] * weight[h, o, i]`; with
    `transposed` the weight is `weight[h, i, o]`. Latent attention, absorbed,
    has two: `einsum("bshd,hdc->bshc")` before the scores, and
    `einsum("bshc,hdc->bshd")` behind the weighted sum.

    Constraints:
      C1: input and weight have the same heads, and input as many elements in
          its last dimension as weight takes.
      C2: the result has input's sizes, but as many elements in its last
          dimension as weight makes.

    Example:

    ```mlir
    func.func @head_linear(%query: tensor<2x?x8x128xf32>,
                           %weight: tensor<8x128x512xf32>)
        -> tensor<2x?x8x512xf32> {
      %absorbed = attn.head_linear %query, %weight {transposed}
          : tensor<2x?x8x128xf32>, tensor<8x128x512xf32> -> tensor<2x?x8x512xf32>
      return %absorbed : tensor<2x?x8x512xf32>
    }
    ```
  }];
  let arguments = (ins Attn_StoredHeadsTensor:$input,
                       3DTensorOf<Attn_Stored>:$weight, UnitAttr:$transposed);
  let results = (outs Attn_StoredHeadsTensor:$result);
  let assemblyFormat = [{
    $input `,` $weight custom<Fields>(attr-dict, "getOperationName()")
    `:` type($input) `,` type($weight) `->` type($result)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Element by element
//===----------------------------------------------------------------------===//

// Two tensors, sizes aligned at the last dimension; a static size of 1, or a
// missing dimension, is repeated. What is stored in different types makes f32,
// as in frameworks: a mask of f16 is added to scores.
class Attn_BinaryOp<string mnemonic, Type type = Attn_FloatTensor>
    : Attn_Op<mnemonic, [Pure, Attn_NamedResults]> {
  let arguments = (ins type:$lhs, type:$rhs);
  let results = (outs type:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)
  }];
  let hasVerifier = 1;
}

// One tensor, the same function of each element.
class Attn_UnaryOp<string mnemonic, Type type = Attn_FloatTensor>
    : Attn_Op<mnemonic, [Pure, SameOperandsAndResultType, Attn_NamedResults]> {
  let arguments = (ins type:$input);
  let results = (outs type:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

def Attn_AddOp : Attn_BinaryOp<"add"> {
  let summary = "sum of two tensors";
  let description = [{
    `result = lhs + rhs`. Residuals, biases and additive masks are sums.

    Constraints:
      C1: the result's sizes are the operands', aligned at the last dimension.
      C2: the result's elements are those of both operands, or f32 where they
          differ.

    Example:

    ```mlir
    func.func @add(%x: tensor<2x?x512xf32>, %residual: tensor<2x?x512xf32>) -> tensor<2x?x512xf32> {
      %residual_1 = attn.add %x, %residual : tensor<2x?x512xf32>, tensor<2x?x512xf32> -> tensor<2x?x512xf32>
      return %residual_1 : tensor<2x?x512xf32>
    }
    ```
  }];
}

def Attn_SubOp : Attn_BinaryOp<"sub"> {
  let summary = "difference of two tensors";
  let description = [{
    `result = lhs - rhs`. Broadcast as `attn.add`.

    Constraints:
      C1: the result's sizes are the operands', aligned at the last dimension.
      C2: the result's elements are those of both operands, or f32 where they
          differ.

    Example:

    ```mlir
    func.func @sub(%x: tensor<2x?x512xf32>, %mean: tensor<512xf32>) -> tensor<2x?x512xf32> {
      %difference = attn.sub %x, %mean : tensor<2x?x512xf32>, tensor<512xf32> -> tensor<2x?x512xf32>
      return %difference : tensor<2x?x512xf32>
    }
    ```
  }];
}

def Attn_MulOp : Attn_BinaryOp<"mul"> {
  let summary = "product of two tensors, element by element";
  let description = [{
    `result = lhs * rhs`. Gates are products.

    Constraints:
      C1: the result's sizes are the operands', aligned at the last dimension.
      C2: the result's elements are those of both operands, or f32 where they
          differ.

    Example:

    ```mlir
    func.func @mul(%context: tensor<2x?x8x64xf32>, %gate: tensor<2x?x8x1xf32>) -> tensor<2x?x8x64xf32> {
      %product = attn.mul %context, %gate : tensor<2x?x8x64xf32>, tensor<2x?x8x1xf32> -> tensor<2x?x8x64xf32>
      return %product : tensor<2x?x8x64xf32>
    }
    ```
  }];
}

def Attn_DivOp : Attn_BinaryOp<"div"> {
  let summary = "quotient of two tensors";
  let description = [{
    `result = lhs / rhs`. A division by 0 follows IEEE 754.

    Constraints:
      C1: the result's sizes are the operands', aligned at the last dimension.
      C2: the result's elements are those of both operands, or f32 where they
          differ.

    Example:

    ```mlir
    func.func @div(%weights: tensor<2x8x?x?xf32>, %total: tensor<2x8x?x1xf32>) -> tensor<2x8x?x?xf32> {
      %quotient = attn.div %weights, %total : tensor<2x8x?x?xf32>, tensor<2x8x?x1xf32> -> tensor<2x8x?x?xf32>
      return %quotient : tensor<2x8x?x?xf32>
    }
    ```
  }];
}

def Attn_ReluOp : Attn_UnaryOp<"relu"> {
  let summary = "positive part";
  let description = [{
    `result = max(input, 0)`; a NaN stays.

    Example:

    ```mlir
    func.func @relu(%x: tensor<2x?x512xf32>) -> tensor<2x?x512xf32> {
      %result = attn.relu %x : tensor<2x?x512xf32>
      return %result : tensor<2x?x512xf32>
    }
    ```
  }];
}

def Attn_SigmoidOp : Attn_UnaryOp<"sigmoid"> {
  let summary = "logistic function";
  let description = [{
    `result = 1 / (1 + exp(-input))`.

    Example:

    ```mlir
    func.func @sigmoid(%x: tensor<2x?x512xf32>) -> tensor<2x?x512xf32> {
      %result = attn.sigmoid %x : tensor<2x?x512xf32>
      return %result : tensor<2x?x512xf32>
    }
    ```
  }];
}

def Attn_SiluOp : Attn_UnaryOp<"silu"> {
  let summary = "sigmoid-weighted input";
  let description = [{
    `result = input / (1 + exp(-input))`, also called swish.

    Example:

    ```mlir
    func.func @silu(%x: tensor<2x?x512xf32>) -> tensor<2x?x512xf32> {
      %result = attn.silu %x : tensor<2x?x512xf32>
      return %result : tensor<2x?x512xf32>
    }
    ```
  }];
}

def Attn_TanhOp : Attn_UnaryOp<"tanh"> {
  let summary = "hyperbolic tangent";
  let description = [{
    `result = tanh(input)`.

    Example:

    ```mlir
    func.func @tanh(%x: tensor<2x?x512xf32>) -> tensor<2x?x512xf32> {
      %result = attn.tanh %x : tensor<2x?x512xf32>
      return %result : tensor<2x?x512xf32>
    }
    ```
  }];
}

def Attn_GeluOp : Attn_Op<"gelu", [
    Pure, AllTypesMatch<["input", "result"]>, Attn_NamedResults]> {
  let summary = "Gaussian error linear unit";
  let description = [{
    `result = input * (1 + erf(input / sqrt(2))) / 2`; with `tanh` the
    approximation `input * (1 + tanh(sqrt(2 / pi) * (input + 0.044715 *
    input^3))) / 2` (Hendrycks and Gimpel 2016).

    Example:

    ```mlir
    func.func @gelu(%x: tensor<2x?x512xf32>) -> tensor<2x?x512xf32> {
      %exact = attn.gelu %x : tensor<2x?x512xf32>
      %result = attn.gelu %exact {tanh} : tensor<2x?x512xf32>
      return %result : tensor<2x?x512xf32>
    }
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$input, UnitAttr:$tanh);
  let results = (outs Attn_FloatTensor:$result);
  let assemblyFormat = [{
    $input custom<Fields>(attr-dict, "getOperationName()") `:` type($input)
  }];
}

def Attn_ScaleOp : Attn_Op<"scale", [
    Pure, AllTypesMatch<["input", "result"]>, Attn_NamedResults]> {
  let summary = "tensor times a constant";
  let description = [{
    `result = by * input`, elementwise.

    Constraints:
      C1: by is finite.

    Example:

    ```mlir
    func.func @scale(%score: tensor<?x8x?x?xf32>) -> tensor<?x8x?x?xf32> {
      %scaled = attn.scale %score {by = 0.125} : tensor<?x8x?x?xf32>
      return %scaled : tensor<?x8x?x?xf32>
    }
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$input, F64Attr:$by);
  let results = (outs Attn_FloatTensor:$result);
  let assemblyFormat = [{
    $input custom<Fields>(attr-dict, "getOperationName()") `:` type($input)
  }];
  let hasFolder = 1;
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Row by row
//===----------------------------------------------------------------------===//

def Attn_SumOp : Attn_Op<"sum", [Pure, Attn_NamedResults]> {
  let summary = "sum along a dimension, which stays with size 1";
  let description = [{
    `result[..., 0, ...] = sum_i input[..., i, ...]`, ascending.

    Constraints:
      C1: the input has the dimension dim.
      C2: the result's size along dim is 1; the other sizes agree.

    Example:

    ```mlir
    func.func @sum(%weights: tensor<2x8x?x?xf32>) -> tensor<2x8x?x1xf32> {
      %total = attn.sum %weights {dim = 3}
          : tensor<2x8x?x?xf32> -> tensor<2x8x?x1xf32>
      return %total : tensor<2x8x?x1xf32>
    }
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$input, I64Attr:$dim);
  let results = (outs Attn_FloatTensor:$result);
  let assemblyFormat = [{
    $input custom<Fields>(attr-dict, "getOperationName()")
    `:` type($input) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Attn_RmsNormOp : Attn_Op<"rms_norm", [
    Pure, AllTypesMatch<["input", "result"]>, Attn_NamedResults]> {
  let summary = "rows scaled to a root mean square of 1";
  let description = [{
    `result = input / sqrt(mean(input^2) + eps) * (offset + weight)` along the
    last dimension (Zhang and Sennrich 2019); without `weight` the last factor
    is 1. `offset` is 0, or 1 for models that store weights around 0. A weight
    of more dimensions is aligned at the last: [heads, head size] is one weight
    per head.

    Constraints:
      C1: eps is finite and not negative, offset is finite.
      C2: the weight's sizes are those of the input's last dimensions.

    Example:

    ```mlir
    func.func @rms_norm(%query: tensor<2x?x8x64xf32>, %weight: tensor<64xf32>)
        -> tensor<2x?x8x64xf32> {
      %normed = attn.rms_norm %query weight(%weight : tensor<64xf32>)
          {eps = 1.0e-6} : tensor<2x?x8x64xf32>
      return %normed : tensor<2x?x8x64xf32>
    }
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$input,
                       Optional<Attn_FloatTensor>:$weight, F64Attr:$eps,
                       OptionalAttr<F64Attr>:$offset);
  let results = (outs Attn_FloatTensor:$result);
  let assemblyFormat = [{
    $input (`weight` `(` $weight^ `:` type($weight) `)`)?
    custom<Fields>(attr-dict, "getOperationName()") `:` type($input)
  }];
  let hasVerifier = 1;
}

def Attn_LayerNormOp : Attn_Op<"layer_norm", [
    Pure, AttrSizedOperandSegments, AllTypesMatch<["input", "result"]>,
    Attn_NamedResults]> {
  let summary = "rows shifted and scaled to mean 0 and variance 1";
  let description = [{
    `result = (input - mean) / sqrt(variance + eps) * weight + bias` along the
    last dimension, `variance = mean((input - mean)^2)` (Ba et al. 2016). An
    absent weight is 1, an absent bias 0; both are aligned as in
    `attn.rms_norm`.

    Constraints:
      C1: eps is finite and not negative.
      C2: the sizes of weight and bias are those of the input's last dimensions.

    Example:

    ```mlir
    func.func @layer_norm(%x: tensor<2x?x512xf32>, %weight: tensor<512xf32>,
                          %bias: tensor<512xf32>) -> tensor<2x?x512xf32> {
      %normed = attn.layer_norm %x weight(%weight : tensor<512xf32>)
          bias(%bias : tensor<512xf32>) {eps = 1.0e-5} : tensor<2x?x512xf32>
      return %normed : tensor<2x?x512xf32>
    }
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$input,
                       Optional<Attn_FloatTensor>:$weight,
                       Optional<Attn_FloatTensor>:$bias, F64Attr:$eps);
  let results = (outs Attn_FloatTensor:$result);
  let assemblyFormat = [{
    $input (`weight` `(` $weight^ `:` type($weight) `)`)?
    (`bias` `(` $bias^ `:` type($bias) `)`)?
    custom<Fields>(attr-dict, "getOperationName()") `:` type($input)
  }];
  let hasVerifier = 1;
}

#endif // DIALECTS_ATTN_ATTNMATHOPS_TD
