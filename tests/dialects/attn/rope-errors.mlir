// RUN: attn-opt %s --split-input-file --verify-diagnostics

// One test for each constraint of a rotation and of each scaling.

func.func @rope_c1() attributes {
  // expected-error @below {{rope theta is 0.000000e+00, expected a positive finite number}}
  position = #attn.rope<theta = 0.0>} {
  return
}

// -----

func.func @rope_c2() attributes {
  // expected-error @below {{rope dims are 3, expected an even number over 0}}
  position = #attn.rope<theta = 1.0e4, dims = 3>} {
  return
}

// -----

func.func @rope_c2_zero() attributes {
  // expected-error @below {{rope dims are 0, expected an even number over 0}}
  position = #attn.rope<theta = 1.0e4, dims = 0>} {
  return
}

// -----

func.func @rope_c2_negative() attributes {
  // expected-error @below {{rope dims are -4, expected an even number over 0}}
  position = #attn.rope<theta = 1.0e4, dims = -4>} {
  return
}

// -----

func.func @rope_c3() attributes {
  // expected-error @below {{proportional turns 3 of 2 pairs}}
  position = #attn.rope<theta = 1.0e4, dims = 4,
      scaling = #attn.proportional<pairs = 3>>} {
  return
}

// -----

func.func @linear_c1() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{linear factor is -8.000000e+00, expected a positive finite number}}
      scaling = #attn.linear<factor = -8.0>>} {
  return
}

// -----

func.func @dynamic_c1() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{dynamic factor is 0.000000e+00, expected a positive finite number}}
      scaling = #attn.dynamic<factor = 0.0, original = 64>>} {
  return
}

// -----

func.func @dynamic_c2() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{dynamic original is 0, expected at least 1}}
      scaling = #attn.dynamic<factor = 2.0, original = 0>>} {
  return
}

// -----

func.func @dynamic_c2_max() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{dynamic max is 32, expected at least the original 64}}
      scaling = #attn.dynamic<factor = 2.0, original = 64, max = 32>>} {
  return
}

// -----

func.func @dynamic_c3() attributes {
  // expected-error @below {{rotation of 1 pairs has no base to stretch, expected at least 2}}
  position = #attn.rope<theta = 1.0e4, dims = 2,
      scaling = #attn.dynamic<factor = 2.0, original = 64>>} {
  return
}

// -----

func.func @ntk_c1() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{ntk alpha is 0.000000e+00, expected a positive finite number}}
      scaling = #attn.ntk<alpha = 0.0>>} {
  return
}

// -----

func.func @ntk_c2() attributes {
  // expected-error @below {{rotation of 1 pairs has no base to stretch, expected at least 2}}
  position = #attn.rope<theta = 1.0e4, dims = 2,
      scaling = #attn.ntk<alpha = 2.0>>} {
  return
}

// -----

func.func @yarn_c1() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{yarn factor is 0.000000e+00, expected a positive finite number}}
      scaling = #attn.yarn<factor = 0.0, original = 64>>} {
  return
}

// -----

func.func @yarn_c1_original() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{yarn original is -1.000000e+00, expected a positive finite number}}
      scaling = #attn.yarn<factor = 2.0, original = -1>>} {
  return
}

// -----

func.func @yarn_c2() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{yarn beta_slow is 0.000000e+00, expected a positive finite number}}
      scaling = #attn.yarn<factor = 2.0, original = 64, beta_slow = 0.0>>} {
  return
}

// -----

func.func @yarn_c2_order() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{yarn beta_fast is 1.000000e+00, expected at least the beta_slow 2.000000e+00}}
      scaling = #attn.yarn<factor = 2.0, original = 64, beta_fast = 1.0,
                           beta_slow = 2.0>>} {
  return
}

// -----

func.func @yarn_c3() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{yarn attention factor is -1.000000e+00, expected a positive finite number}}
      scaling = #attn.yarn<factor = 2.0, original = 64,
                           attention_factor = -1.0>>} {
  return
}

// -----

func.func @yarn_c3_mscale() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{yarn attention factor is}}
      scaling = #attn.yarn<factor = 2.0, original = 64, mscale = -100.0,
                           mscale_all_dim = 1.0>>} {
  return
}

// -----

func.func @yarn_c4() attributes {
  // expected-error @below {{yarn has theta 1.000000e+00, expected more than 1}}
  position = #attn.rope<theta = 1.0, dims = 8,
      scaling = #attn.yarn<factor = 2.0, original = 64>>} {
  return
}

// -----

func.func @longrope_c1() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{longrope has 1 short and 2 long factors, expected as many of both}}
      scaling = #attn.longrope<short = [1.0], long = [1.0, 2.0],
                               original = 64, max = 128>>} {
  return
}

// -----

func.func @longrope_c1_positive() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{longrope factor is 0.000000e+00, expected a positive finite number}}
      scaling = #attn.longrope<short = [1.0, 0.0], long = [1.0, 2.0],
                               original = 64, max = 128>>} {
  return
}

// -----

func.func @longrope_c2() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{longrope original is 1, expected at least 2}}
      scaling = #attn.longrope<short = [1.0], long = [1.0],
                               original = 1, max = 128>>} {
  return
}

// -----

func.func @longrope_c2_max() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{longrope max is 0, expected at least 1}}
      scaling = #attn.longrope<short = [1.0], long = [1.0],
                               original = 64, max = 0>>} {
  return
}

// -----

func.func @longrope_c3() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{longrope attention_factor is -2.000000e+00, expected a positive finite number}}
      scaling = #attn.longrope<short = [1.0], long = [1.0], original = 64,
                               max = 128, attention_factor = -2.0>>} {
  return
}

// -----

func.func @longrope_c4() attributes {
  // expected-error @below {{longrope has 1 factors for 2 pairs}}
  position = #attn.rope<theta = 1.0e4, dims = 4,
      scaling = #attn.longrope<short = [1.0], long = [1.0],
                               original = 64, max = 128>>} {
  return
}

// -----

func.func @llama3_c1() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{llama3 factor is 0.000000e+00, expected a positive finite number}}
      scaling = #attn.llama3<factor = 0.0, low = 1.0, high = 4.0,
                             original = 64>>} {
  return
}

// -----

func.func @llama3_c1_original() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{llama3 original is 0.000000e+00, expected a positive finite number}}
      scaling = #attn.llama3<factor = 8.0, low = 1.0, high = 4.0,
                             original = 0>>} {
  return
}

// -----

func.func @llama3_c2() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{llama3 low is 0.000000e+00, expected a positive finite number}}
      scaling = #attn.llama3<factor = 8.0, low = 0.0, high = 4.0,
                             original = 64>>} {
  return
}

// -----

func.func @llama3_c2_order() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{llama3 high is 1.000000e+00, expected at least the low 4.000000e+00}}
      scaling = #attn.llama3<factor = 8.0, low = 4.0, high = 1.0,
                             original = 64>>} {
  return
}

// -----

func.func @proportional_c1() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{proportional pairs is 0.000000e+00, expected a positive finite number}}
      scaling = #attn.proportional<pairs = 0>>} {
  return
}

// -----

func.func @proportional_c2() attributes {
  // expected-error @below {{proportional turns 3 of 2 pairs}}
  position = #attn.rope<theta = 1.0e4, dims = 4,
      scaling = #attn.proportional<pairs = 3>>} {
  return
}

// -----

func.func @no_scaling() attributes {
  position = #attn.rope<theta = 1.0e4,
      // expected-error @below {{#attn.causal is no scaling of a rotation}}
      scaling = #attn.causal>} {
  return
}

// -----

func.func @frequency(%x: tensor<1x2x2x8xf32>) {
  // expected-error @below {{'attn.rope' op rotates pair 3 at a frequency beyond f32}}
  %y = attn.rope %x {position = #attn.rope<theta = 1.0e-60>} : tensor<1x2x2x8xf32>
  return
}
