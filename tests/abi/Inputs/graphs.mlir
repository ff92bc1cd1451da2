// Graphs around attention, each a kernel: dynamic and static sizes, every kind
// of operation, and names as checkpoints have them.
module {
  // One attention, but not over arguments of its parts' names: operands in
  // another order, no lse, static sizes.
  func.func @permuted(%v: tensor<2x9x2x8xf32> {attn.name = "v"},
                      %k: tensor<2x9x2x16xf32> {attn.name = "k"},
                      %n: tensor<2xi32> {attn.name = "valid keys"},
                      %q: tensor<2x5x4x16xf32> {attn.name = "q"})
      -> (tensor<2x5x4x8xf32> {attn.name = "context"}) {
    %context, %lse = attn.flash %q, %k, %v lengths(%n : tensor<2xi32>)
        {scale = 0.25, mask = #attn.causal}
        : tensor<2x5x4x16xf32>, tensor<2x9x2x16xf32>, tensor<2x9x2x8xf32>
        -> tensor<2x5x4x8xf32>, tensor<2x5x4xf32>
    return %context : tensor<2x5x4x8xf32>
  }

  // Keys and values are one tensor; the result is in another order.
  func.func @no_weights(%x: tensor<?x?x12xf32> {attn.name = "x"})
      -> (tensor<?x3x?x4xf32> {attn.name = "y"}) {
    %heads = attn.unflatten %x {dim = 2}
        : tensor<?x?x12xf32> -> tensor<?x?x3x4xf32>
    %context, %lse = attn.flash %heads, %heads, %heads
        {scale = 1.0, mask = #attn.bidirectional}
        : tensor<?x?x3x4xf32>, tensor<?x?x3x4xf32>, tensor<?x?x3x4xf32>
        -> tensor<?x?x3x4xf32>, tensor<?x?x3xf32>
    %turned = attn.transpose %context {permutation = array<i64: 0, 2, 1, 3>}
        : tensor<?x?x3x4xf32> -> tensor<?x3x?x4xf32>
    return %turned : tensor<?x3x?x4xf32>
  }

  // An encoder block with everything in it: masks by padding and by tensor,
  // a rotation, biases, residuals, an exact gelu.
  func.func @encoder(%x: tensor<?x?x48xf32> {attn.name = "x"},
                     %padding: tensor<?x?xi1> {attn.name = "padding"},
                     %added: tensor<?x1x?x?xf32> {attn.name = "added"},
                     %qkv: tensor<144x48xf32> {attn.name = "attn.qkv.weight"},
                     %qkv_bias: tensor<144xf32> {attn.name = "attn.qkv.bias"},
                     %gamma: tensor<48xf32> {attn.name = "norm.weight"},
                     %beta: tensor<48xf32> {attn.name = "norm.bias"},
                     %up: tensor<301x48xf32> {attn.name = "up"},
                     %down: tensor<301x48xf32> {attn.name = "down"})
      -> (tensor<?x?x48xf32> {attn.name = "y"}) {
    %normed = attn.layer_norm %x weight(%gamma : tensor<48xf32>)
        bias(%beta : tensor<48xf32>) {eps = 1.0e-5} : tensor<?x?x48xf32>
    %packed = attn.linear %normed, %qkv bias(%qkv_bias : tensor<144xf32>)
        : tensor<?x?x48xf32>, tensor<144x48xf32> -> tensor<?x?x144xf32>
    %scaled = attn.scale %packed {by = 0.1} : tensor<?x?x144xf32>
    %q = attn.slice %scaled {dim = 2, offset = 0}
        : tensor<?x?x144xf32> -> tensor<?x?x48xf32>
    %k = attn.slice %scaled {dim = 2, offset = 48}
        : tensor<?x?x144xf32> -> tensor<?x?x48xf32>
    %v = attn.slice %scaled {dim = 2, offset = 96}
        : tensor<?x?x144xf32> -> tensor<?x?x48xf32>
    %q_heads = attn.unflatten %q {dim = 2}
        : tensor<?x?x48xf32> -> tensor<?x?x4x12xf32>
    %k_heads = attn.unflatten %k {dim = 2}
        : tensor<?x?x48xf32> -> tensor<?x?x4x12xf32>
    %v_heads = attn.unflatten %v {dim = 2}
        : tensor<?x?x48xf32> -> tensor<?x?x4x12xf32>
    %q_rope = attn.rope %q_heads {position = #attn.rope<theta = 1.0e4>}
        : tensor<?x?x4x12xf32>
    %row = attn.expand %padding {dim = 1} : tensor<?x?xi1> -> tensor<?x1x?xi1>
    %wide = attn.expand %row {dim = 1} : tensor<?x1x?xi1> -> tensor<?x1x1x?xi1>
    %mask = attn.masked_fill %added, %wide {value = 0xFFF0000000000000 : f64}
        : tensor<?x1x?x?xf32>, tensor<?x1x1x?xi1>
    %context, %lse = attn.flash %q_rope, %k_heads, %v_heads
        tensor_mask(%mask : tensor<?x1x?x?xf32>)
        {scale = 0.3, mask = #attn.causal<alignment = top_left>}
        : tensor<?x?x4x12xf32>, tensor<?x?x4x12xf32>, tensor<?x?x4x12xf32>
        -> tensor<?x?x4x12xf32>, tensor<?x?x4xf32>
    %merged = attn.flatten %context {dim = 2}
        : tensor<?x?x4x12xf32> -> tensor<?x?x48xf32>
    %hidden = attn.add %x, %merged
        : tensor<?x?x48xf32>, tensor<?x?x48xf32> -> tensor<?x?x48xf32>
    %wide_hidden = attn.linear %hidden, %up
        : tensor<?x?x48xf32>, tensor<301x48xf32> -> tensor<?x?x301xf32>
    %active = attn.gelu %wide_hidden : tensor<?x?x301xf32>
    %narrow = attn.matmul %active, %down
        : tensor<?x?x301xf32>, tensor<301x48xf32> -> tensor<?x?x48xf32>
    %small = attn.scale %narrow {by = 0.05} : tensor<?x?x48xf32>
    %y = attn.add %hidden, %small
        : tensor<?x?x48xf32>, tensor<?x?x48xf32> -> tensor<?x?x48xf32>
    return %y : tensor<?x?x48xf32>
  }

  // Grouped heads with norms, positions that are given, and a mask of booleans.
  func.func @grouped(%q: tensor<?x?x6x10xf32> {attn.name = "q"},
                     %k: tensor<?x?x2x10xf32> {attn.name = "k"},
                     %v: tensor<?x?x2x7xf32> {attn.name = "v"},
                     %positions: tensor<1x?xi32> {attn.name = "positions"},
                     %gamma: tensor<2x10xf32> {attn.name = "gamma"},
                     %visible: tensor<?x6x1x?xi1> {attn.name = "visible"},
                     %gate: tensor<?x?x6x1xf32> {attn.name = "gate"})
      -> (tensor<?x?x6x7xf32> {attn.name = "y"}) {
    %k_normed = attn.rms_norm %k weight(%gamma : tensor<2x10xf32>)
        {eps = 1.0e-6, offset = 1.0} : tensor<?x?x2x10xf32>
    %k_rope = attn.rope %k_normed positions(%positions : tensor<1x?xi32>)
        {position = #attn.rope<theta = 1.0e4, pairing = interleaved>}
        : tensor<?x?x2x10xf32>
    %context, %lse = attn.flash %q, %k_rope, %v
        tensor_mask(%visible : tensor<?x6x1x?xi1>)
        {scale = 0.5, mask = #attn.bidirectional}
        : tensor<?x?x6x10xf32>, tensor<?x?x2x10xf32>, tensor<?x?x2x7xf32>
        -> tensor<?x?x6x7xf32>, tensor<?x?x6xf32>
    %open = attn.sigmoid %gate : tensor<?x?x6x1xf32>
    %gated = attn.mul %context, %open
        : tensor<?x?x6x7xf32>, tensor<?x?x6x1xf32> -> tensor<?x?x6x7xf32>
    return %gated : tensor<?x?x6x7xf32>
  }

  // A decode step: the cache grows, and heads are projected one by one.
  func.func @latent(%q: tensor<?x?x4x6xf32> {attn.name = "q"},
                    %cache: tensor<?x?x8xf32> {attn.name = "cache"},
                    %fresh: tensor<?x1x8xf32> {attn.name = "fresh"},
                    %lengths: tensor<?xi32> {attn.name = "lengths"},
                    %into: tensor<4x6x8xf32> {attn.name = "into"},
                    %out: tensor<4x6x8xf32> {attn.name = "out_of"})
      -> (tensor<?x?x24xf32> {attn.name = "y"},
          tensor<?x?x8xf32> {attn.name = "grown"}) {
    %grown = attn.cache_append %cache, %fresh lengths(%lengths : tensor<?xi32>)
        : tensor<?x?x8xf32>, tensor<?x1x8xf32>
    %absorbed = attn.head_linear %q, %into {transposed}
        : tensor<?x?x4x6xf32>, tensor<4x6x8xf32> -> tensor<?x?x4x8xf32>
    %keys = attn.expand %grown {dim = 2} : tensor<?x?x8xf32> -> tensor<?x?x1x8xf32>
    %context, %lse = attn.flash %absorbed, %keys, %keys
        lengths(%lengths : tensor<?xi32>) {scale = 0.4, mask = #attn.causal}
        : tensor<?x?x4x8xf32>, tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>
        -> tensor<?x?x4x8xf32>, tensor<?x?x4xf32>
    %heads = attn.head_linear %context, %out
        : tensor<?x?x4x8xf32>, tensor<4x6x8xf32> -> tensor<?x?x4x6xf32>
    %y = attn.flatten %heads {dim = 2} : tensor<?x?x4x6xf32> -> tensor<?x?x24xf32>
    return %y, %grown : tensor<?x?x24xf32>, tensor<?x?x8xf32>
  }

  // What else a graph may hold, without attention.
  func.func @elements(%x: tensor<3x5x40xf32> {attn.name = "x"},
                      %z: tensor<40xf32> {attn.name = "z"},
                      %b: tensor<3x5x40xi1> {attn.name = "b"},
                      %w: tensor<3x40x20xf32> {attn.name = "w"},
                      %u: tensor<5x20xf32> {attn.name = "u"})
      -> (tensor<3x5x20xf32> {attn.name = "product"},
          tensor<3x5x40xf32> {attn.name = "chosen"},
          tensor<3x1x40xf32> {attn.name = "total"},
          tensor<40x30xf32> {attn.name = "repeated"},
          tensor<3x5x40xi1> {attn.name = "same"}) {
    %silu = attn.silu %x : tensor<3x5x40xf32>
    %tanh = attn.tanh %silu : tensor<3x5x40xf32>
    %capped = attn.softcap %tanh {cap = 2.0} : tensor<3x5x40xf32>
    %bent = attn.gelu %capped {tanh} : tensor<3x5x40xf32>
    %shifted = attn.sub %bent, %z
        : tensor<3x5x40xf32>, tensor<40xf32> -> tensor<3x5x40xf32>
    %product = attn.matmul %shifted, %w
        : tensor<3x5x40xf32>, tensor<3x40x20xf32> -> tensor<3x5x20xf32>
    %biased = attn.add %product, %u
        : tensor<3x5x20xf32>, tensor<5x20xf32> -> tensor<3x5x20xf32>
    %positive = attn.relu %biased : tensor<3x5x20xf32>
    %full = attn.full {value = 2.0} : tensor<3x5x40xf32>
    %upper = attn.triu %full {diagonal = 2} : tensor<3x5x40xf32>
    %divided = attn.div %x, %full
        : tensor<3x5x40xf32>, tensor<3x5x40xf32> -> tensor<3x5x40xf32>
    %chosen = attn.where %b, %divided, %upper
        : tensor<3x5x40xi1>, tensor<3x5x40xf32>, tensor<3x5x40xf32>
        -> tensor<3x5x40xf32>
    %total = attn.sum %x {dim = 1} : tensor<3x5x40xf32> -> tensor<3x1x40xf32>
    %turned = attn.transpose %x {permutation = array<i64: 2, 0, 1>}
        : tensor<3x5x40xf32> -> tensor<40x3x5xf32>
    %flat = attn.flatten %turned {dim = 1} : tensor<40x3x5xf32> -> tensor<40x15xf32>
    %twice = attn.repeat_interleave %flat {times = 2, dim = 1}
        : tensor<40x15xf32> -> tensor<40x30xf32>
    %no = attn.not %b : tensor<3x5x40xi1>
    %both = attn.and %b, %no
        : tensor<3x5x40xi1>, tensor<3x5x40xi1> -> tensor<3x5x40xi1>
    %same = attn.or %both, %b
        : tensor<3x5x40xi1>, tensor<3x5x40xi1> -> tensor<3x5x40xi1>
    return %positive, %chosen, %total, %twice, %same
        : tensor<3x5x20xf32>, tensor<3x5x40xf32>, tensor<3x1x40xf32>,
          tensor<40x30xf32>, tensor<3x5x40xi1>
  }

  // Heads side by side, as a wrapper of single heads puts them.
  func.func @joined(%x: tensor<?x?x6xf32> {attn.name = "x"},
                    %a: tensor<6x4xf32> {attn.name = "a"},
                    %b: tensor<3x6xf32> {attn.name = "b"})
      -> (tensor<?x?x8xf32> {attn.name = "y"}) {
    %left = attn.matmul %x, %a
        : tensor<?x?x6xf32>, tensor<6x4xf32> -> tensor<?x?x4xf32>
    %right = attn.linear %x, %b
        : tensor<?x?x6xf32>, tensor<3x6xf32> -> tensor<?x?x3xf32>
    %last = attn.slice %x {dim = 2, offset = 5}
        : tensor<?x?x6xf32> -> tensor<?x?x1xf32>
    %y = attn.concat %left, %right, %last {dim = 2}
        : tensor<?x?x4xf32>, tensor<?x?x3xf32>, tensor<?x?x1xf32>
        -> tensor<?x?x8xf32>
    return %y : tensor<?x?x8xf32>
  }

  // Views whose users want the tensor elsewhere: nothing is stored twice, and
  // nothing is left out.
  func.func @viewed(%x: tensor<?x5x12xf32> {attn.name = "x"},
                    %w: tensor<24x12xf32> {attn.name = "w"},
                    %other: tensor<?x4x5x6xf32> {attn.name = "other"})
      -> (tensor<?x4x5x12xf32> {attn.name = "joined"},
          tensor<?x4x5x6xf32> {attn.name = "turned"}) {
    %projected = attn.linear %x, %w
        : tensor<?x5x12xf32>, tensor<24x12xf32> -> tensor<?x5x24xf32>
    %heads = attn.unflatten %projected {dim = 2}
        : tensor<?x5x24xf32> -> tensor<?x5x4x6xf32>
    %left = attn.transpose %heads {permutation = array<i64: 0, 2, 1, 3>}
        : tensor<?x5x4x6xf32> -> tensor<?x4x5x6xf32>
    %again = attn.linear %x, %w
        : tensor<?x5x12xf32>, tensor<24x12xf32> -> tensor<?x5x24xf32>
    %bent = attn.silu %again : tensor<?x5x24xf32>
    %cut = attn.unflatten %bent {dim = 2}
        : tensor<?x5x24xf32> -> tensor<?x5x4x6xf32>
    %turned = attn.transpose %cut {permutation = array<i64: 0, 2, 1, 3>}
        : tensor<?x5x4x6xf32> -> tensor<?x4x5x6xf32>
    %expanded = attn.expand %turned {dim = 2}
        : tensor<?x4x5x6xf32> -> tensor<?x4x1x5x6xf32>
    %joined = attn.concat %left, %other {dim = 3}
        : tensor<?x4x5x6xf32>, tensor<?x4x5x6xf32> -> tensor<?x4x5x12xf32>
    %same = attn.flatten %expanded {dim = 1}
        : tensor<?x4x1x5x6xf32> -> tensor<?x4x5x6xf32>
    return %joined, %same : tensor<?x4x5x12xf32>, tensor<?x4x5x6xf32>
  }

  // A window cuts a prefix that is read in both directions.
  func.func @prefixed(%q: tensor<?x?x4x20xf32> {attn.name = "q"},
                      %k: tensor<?x?x2x20xf32> {attn.name = "k"},
                      %prompt: tensor<?xi32> {attn.name = "prompt"})
      -> (tensor<?x?x4x20xf32> {attn.name = "y"}) {
    %scaled = attn.scale %k {by = 0.5} : tensor<?x?x2x20xf32>
    %context, %lse = attn.flash %q, %scaled, %k
        prefix(%prompt : tensor<?xi32>) {scale = 0.2,
        mask = #attn.all<[#attn.prefix, #attn.window<left = 33>]>}
        : tensor<?x?x4x20xf32>, tensor<?x?x2x20xf32>, tensor<?x?x2x20xf32>
        -> tensor<?x?x4x20xf32>, tensor<?x?x4xf32>
    return %context : tensor<?x?x4x20xf32>
  }

  // Some dims rotate, by the frequencies of a longer context and to vectors
  // that are longer; all dims, of which some stand.
  func.func @rotated(%q: tensor<?x?x4x20xf32> {attn.name = "q"},
                     %k: tensor<?x?x2x20xf32> {attn.name = "k"})
      -> (tensor<?x?x4x20xf32> {attn.name = "y"}) {
    %q_rope = attn.rope %q {position = #attn.rope<theta = 1.0e4, dims = 12,
        scaling = #attn.yarn<factor = 8.0, original = 32>>}
        : tensor<?x?x4x20xf32>
    %k_rope = attn.rope %k {position = #attn.rope<theta = 1.0e4,
        pairing = interleaved, scaling = #attn.proportional<pairs = 3>>}
        : tensor<?x?x2x20xf32>
    %context, %lse = attn.flash %q_rope, %k_rope, %k
        {scale = 0.2, mask = #attn.causal}
        : tensor<?x?x4x20xf32>, tensor<?x?x2x20xf32>, tensor<?x?x2x20xf32>
        -> tensor<?x?x4x20xf32>, tensor<?x?x4xf32>
    return %context : tensor<?x?x4x20xf32>
  }

  // Queries are normed, rotated and gated where a task of attention loads them:
  // three heads to a group, positions from the caller, a norm for each head.
  func.func @query_steps(%q: tensor<?x?x6x20xf32> {attn.name = "q"},
                         %k: tensor<?x?x2x20xf32> {attn.name = "k"},
                         %positions: tensor<?x?xi32> {attn.name = "positions"},
                         %w: tensor<6x20xf32> {attn.name = "w"},
                         %gate: tensor<6x1xf32> {attn.name = "gate"})
      -> (tensor<?x?x6x20xf32> {attn.name = "y"},
          tensor<?x?x6x20xf32> {attn.name = "z"}) {
    %normed = attn.rms_norm %q weight(%w : tensor<6x20xf32>) {eps = 1.0e-6}
        : tensor<?x?x6x20xf32>
    %rotated = attn.rope %normed positions(%positions : tensor<?x?xi32>)
        {position = #attn.rope<theta = 100.0, pairing = interleaved>}
        : tensor<?x?x6x20xf32>
    %gated = attn.mul %rotated, %gate
        : tensor<?x?x6x20xf32>, tensor<6x1xf32> -> tensor<?x?x6x20xf32>
    %y, %y_lse = attn.flash %gated, %k, %k {scale = 0.3, mask = #attn.causal}
        : tensor<?x?x6x20xf32>, tensor<?x?x2x20xf32>, tensor<?x?x2x20xf32>
        -> tensor<?x?x6x20xf32>, tensor<?x?x6xf32>
    // Positions that follow from where a row stands, and a transposed source.
    %turned = attn.transpose %q {permutation = array<i64: 0, 2, 1, 3>}
        : tensor<?x?x6x20xf32> -> tensor<?x6x?x20xf32>
    %bent = attn.silu %turned : tensor<?x6x?x20xf32>
    %back = attn.transpose %bent {permutation = array<i64: 0, 2, 1, 3>}
        : tensor<?x6x?x20xf32> -> tensor<?x?x6x20xf32>
    %placed = attn.rope %back {position = #attn.rope<theta = 100.0>}
        : tensor<?x?x6x20xf32>
    %z, %z_lse = attn.flash %placed, %k, %k {scale = 0.3, mask = #attn.bidirectional}
        : tensor<?x?x6x20xf32>, tensor<?x?x2x20xf32>, tensor<?x?x2x20xf32>
        -> tensor<?x?x6x20xf32>, tensor<?x?x6xf32>
    return %y, %z : tensor<?x?x6x20xf32>, tensor<?x?x6x20xf32>
  }

  // Steps on queries that their tasks cannot do, or only with care: what looks
  // at the order of dimensions, and constants and biases in front.
  func.func @query_orders(%x: tensor<2x4x4x8xf32> {attn.name = "x"},
                          %k: tensor<2x5x2x8xf32> {attn.name = "k"},
                          %b: tensor<8xf32> {attn.name = "b"})
      -> (tensor<2x4x4x8xf32> {attn.name = "triangle"},
          tensor<2x4x4x8xf32> {attn.name = "heads_first"},
          tensor<2x4x4x8xf32> {attn.name = "constant"},
          tensor<2x4x4x8xf32> {attn.name = "bias"}) {
    %upper = attn.triu %x {diagonal = 1} : tensor<2x4x4x8xf32>
    %bent = attn.tanh %upper : tensor<2x4x4x8xf32>
    %triangle, %l0 = attn.flash %bent, %k, %k {scale = 0.5, mask = #attn.causal}
        : tensor<2x4x4x8xf32>, tensor<2x5x2x8xf32>, tensor<2x5x2x8xf32>
        -> tensor<2x4x4x8xf32>, tensor<2x4x4xf32>
    %turned = attn.rope %x {heads_first, position = #attn.rope<theta = 100.0>}
        : tensor<2x4x4x8xf32>
    %normed = attn.rms_norm %turned {eps = 1.0e-6} : tensor<2x4x4x8xf32>
    %first, %l1 = attn.flash %normed, %k, %k {scale = 0.5, mask = #attn.causal}
        : tensor<2x4x4x8xf32>, tensor<2x5x2x8xf32>, tensor<2x5x2x8xf32>
        -> tensor<2x4x4x8xf32>, tensor<2x4x4xf32>
    %one = attn.full {value = 1.0} : tensor<2x4x4x8xf32>
    %less = attn.sub %one, %x
        : tensor<2x4x4x8xf32>, tensor<2x4x4x8xf32> -> tensor<2x4x4x8xf32>
    %constant, %l2 = attn.flash %less, %k, %k {scale = 0.5, mask = #attn.causal}
        : tensor<2x4x4x8xf32>, tensor<2x5x2x8xf32>, tensor<2x5x2x8xf32>
        -> tensor<2x4x4x8xf32>, tensor<2x4x4xf32>
    %more = attn.add %b, %x
        : tensor<8xf32>, tensor<2x4x4x8xf32> -> tensor<2x4x4x8xf32>
    %gate = attn.sigmoid %more : tensor<2x4x4x8xf32>
    %bias, %l3 = attn.flash %gate, %k, %k {scale = 0.5, mask = #attn.causal}
        : tensor<2x4x4x8xf32>, tensor<2x5x2x8xf32>, tensor<2x5x2x8xf32>
        -> tensor<2x4x4x8xf32>, tensor<2x4x4xf32>
    return %triangle, %first, %constant, %bias
        : tensor<2x4x4x8xf32>, tensor<2x4x4x8xf32>, tensor<2x4x4x8xf32>,
          tensor<2x4x4x8xf32>
  }

  // A diagonal beyond 32 bits, and repeats of both types of four bytes.
  func.func @wide(%x: tensor<4x8xf32> {attn.name = "x"},
                  %f: tensor<4x1xf32> {attn.name = "f"},
                  %i: tensor<4x1xi32> {attn.name = "i"})
      -> (tensor<4x8xf32> {attn.name = "none"},
          tensor<4x8xf32> {attn.name = "all"},
          tensor<4x8xf32> {attn.name = "floats"},
          tensor<4x8xi32> {attn.name = "numbers"}) {
    %none = attn.triu %x {diagonal = 4294967296} : tensor<4x8xf32>
    %all = attn.tril %x {diagonal = 4294967296} : tensor<4x8xf32>
    %floats = attn.repeat_interleave %f {times = 8, dim = 1}
        : tensor<4x1xf32> -> tensor<4x8xf32>
    %numbers = attn.repeat_interleave %i {times = 8, dim = 1}
        : tensor<4x1xi32> -> tensor<4x8xi32>
    return %none, %all, %floats, %numbers
        : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xi32>
  }

  // An append alone says what its sizes count.
  func.func @append(%cache: tensor<?x?x8xf32> {attn.name = "cache"},
                    %fresh: tensor<?x?x8xf32> {attn.name = "fresh"},
                    %lengths: tensor<?xi32> {attn.name = "lengths"})
      -> (tensor<?x?x8xf32> {attn.name = "grown"}) {
    %grown = attn.cache_append %cache, %fresh lengths(%lengths : tensor<?xi32>)
        : tensor<?x?x8xf32>, tensor<?x?x8xf32>
    return %grown : tensor<?x?x8xf32>
  }
}
