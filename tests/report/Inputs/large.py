"""Prints a module with one attention, a large constant, and very many functions."""

TYPE = "tensor<?x?x2x8xf32>"

print(f"""func.func @attention(%q: {TYPE} {{attn.name = "query"}}, %k: {TYPE} {{attn.name = "key"}},
    %v: {TYPE} {{attn.name = "value"}})
    -> ({TYPE} {{attn.name = "output"}}, tensor<?x?x2xf32> {{attn.name = "lse"}}) {{
  %o, %lse = attn.flash %q, %k, %v {{scale = 1.0, mask = #attn.causal}}
      : {TYPE}, {TYPE}, {TYPE} -> {TYPE}, tensor<?x?x2xf32>
  return %o, %lse : {TYPE}, tensor<?x?x2xf32>
}}
func.func @constant() -> tensor<1x1x1x8192xf32> {{
  %score = arith.constant dense<[[[[{", ".join(f"{i}.0" for i in range(8192))}]]]]> : tensor<1x1x1x8192xf32>
  %p, %lse = attn.softmax %score : tensor<1x1x1x8192xf32> -> tensor<1x1x1x8192xf32>, tensor<1x1x1xf32>
  return %p : tensor<1x1x1x8192xf32>
}}""")
for number in range(2500):
    print(f"""func.func @softmax_{number}(%score: tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32> {{
  %p, %lse = attn.softmax %score : tensor<1x2x4x8xf32> -> tensor<1x2x4x8xf32>, tensor<1x4x2xf32>
  return %p : tensor<1x2x4x8xf32>
}}""")
