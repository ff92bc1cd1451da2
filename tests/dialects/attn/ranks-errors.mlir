// RUN: attn-opt %s --split-input-file --verify-diagnostics

// What a module says of ranks: how many, and what none of them adds.

// expected-error @below {{'builtin.module' op has 'attn.ranks' = 1 : i64, expected an i64 of at least 2}}
module attributes {attn.ranks = 1 : i64} {}

// -----

// expected-error @below {{'builtin.module' op has 'attn.ranks' = 2 : i32, expected an i64 of at least 2}}
module attributes {attn.ranks = 2 : i32} {}

// -----

// expected-error @below {{'builtin.module' op has 'attn.left_out' = ["o_proj.bias"], expected attn.ranks too}}
module attributes {attn.left_out = ["o_proj.bias"]} {}

// -----

// expected-error @below {{'builtin.module' op has 'attn.left_out' = [""], expected names in quotes}}
module attributes {attn.left_out = [""], attn.ranks = 2 : i64} {}

// -----

// expected-error @below {{'builtin.module' op has 'attn.left_out' = [], expected names in quotes}}
module attributes {attn.left_out = [], attn.ranks = 2 : i64} {}

// -----

// expected-error @below {{'builtin.module' op has attribute 'attn.layers', which the attn dialect does not define here}}
module attributes {attn.layers = #attn.layers<0>} {}

// -----

// expected-error @below {{'func.func' op has attribute 'attn.ranks', which the attn dialect does not define here}}
func.func private @f() attributes {attn.ranks = 2 : i64}
