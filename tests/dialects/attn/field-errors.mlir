// RUN: attn-opt %s --split-input-file --verify-diagnostics

// A field that an operation does not define is never kept in silence.

// expected-error @below {{'attn.grouped' op has no field 'softcapp'; did you mean 'softcap'?}}
attn.grouped @layer {hidden = 64, heads = 4, kv_heads = 2, head_dim = 16, layers = [0],
                     scale = 0.25, mask = #attn.causal, softcapp = 30.0}

// -----

// expected-error @below {{'attn.grouped' op has no field 'attention_window'}}
attn.grouped @layer {hidden = 64, heads = 4, kv_heads = 2, head_dim = 16, layers = [0],
                     scale = 0.25, mask = #attn.causal, attention_window = 128}

// -----

func.func @flash(%q: tensor<?x?x8x64xf32>, %k: tensor<?x?x2x64xf32>) {
  // expected-error @below {{'attn.flash' op has no field 'softcap'}}
  %output, %lse = attn.flash %q, %k, %k {scale = 0.125, mask = #attn.causal, softcap = 50.0}
      : tensor<?x?x8x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>
      -> tensor<?x?x8x64xf32>, tensor<?x?x8xf32>
  return
}

// -----

func.func @scale(%x: tensor<2x3xf32>) {
  // expected-error @below {{'attn.scale' op has no field 'vy'; did you mean 'by'?}}
  %y = attn.scale %x {by = 2.0, vy = 3} : tensor<2x3xf32>
  return
}

// -----

// Names with a dot belong to whoever uses them.
func.func @annotated(%x: tensor<2x3xf32>) {
  %y = attn.scale %x {by = 2.0, my.note = 3} : tensor<2x3xf32>
  return
}

// -----

func.func @tile(%x: !attn_tile.view<2x8xf32>) {
  // expected-error @below {{'attn_tile.dim' op has no field 'dimensions'}}
  %d = attn_tile.dim %x, 0 {dimensions = 1} : !attn_tile.view<2x8xf32>
  return
}
