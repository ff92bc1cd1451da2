"""Prints an attention of more rows than any call can have."""

ROWS = 2**40
QUERY = f"tensor<1x{ROWS}x1x8xf32>"
KEY = "tensor<1x16x1x8xf32>"
LSE = f"tensor<1x{ROWS}x1xf32>"

print(f"""func.func @long(%query: {QUERY} {{attn.name = "query"}},
    %key: {KEY} {{attn.name = "key"}}, %value: {KEY} {{attn.name = "value"}})
    -> ({QUERY} {{attn.name = "output"}}, {LSE} {{attn.name = "lse"}}) {{
  %output, %lse = attn.flash %query, %key, %value {{scale = 1.0, mask = #attn.causal}}
      : {QUERY}, {KEY}, {KEY} -> {QUERY}, {LSE}
  return %output, %lse : {QUERY}, {LSE}
}}""")
