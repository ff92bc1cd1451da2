// RUN: attn-opt %s --attn-cpu-verify-programs="target=x86-64-v4" --split-input-file --verify-diagnostics

// Steps on scores that the dialect allows and that the CPU back end has no loop
// for.

attn_tile.program @no_mask(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %q = attn_tile.load_queries %query[%batch, %one, %one] count %one group 1
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<?x8xf32>
    %maximum, %denominator, %sum = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x8xf32>
    %scale = arith.constant 1.0 : f32
    %k = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    // expected-error @below {{'attn_tile.contract' op has no attn_tile.mask after it: keys past the length would count}}
    %score = attn_tile.contract %q, %k scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x128xf32>
    %weight, %m, %l, %alpha = attn_tile.softmax_step %score, %maximum, %denominator
        : !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
        -> !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
    %v = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    %o = attn_tile.accumulate %sum, %alpha, %weight, %v
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x128xf32>,
        !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x8xf32>
  }
}

// -----

attn_tile.program @mask_of_other_keys(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %q = attn_tile.load_queries %query[%batch, %one, %one] count %one group 1
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<?x8xf32>
    %maximum, %denominator, %sum = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x8xf32>
    %scale = arith.constant 1.0 : f32
    %k = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    %score = attn_tile.contract %q, %k scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x128xf32>
    // expected-error @below {{'attn_tile.mask' op has a key that is not the first of the block}}
    %masked = attn_tile.mask %score position %one key %batch length %one band(%one, %one) group 1
        : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32>
    %weight, %m, %l, %alpha = attn_tile.softmax_step %masked, %maximum, %denominator
        : !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
        -> !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
    %v = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    %o = attn_tile.accumulate %sum, %alpha, %weight, %v
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x128xf32>,
        !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x8xf32>
  }
}

// -----

attn_tile.program @mask_of_another_length(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %q = attn_tile.load_queries %query[%batch, %one, %one] count %one group 1
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<?x8xf32>
    %maximum, %denominator, %sum = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x8xf32>
    %scale = arith.constant 1.0 : f32
    %k = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    %score = attn_tile.contract %q, %k scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x128xf32>
    // expected-error @below {{'attn_tile.mask' op has a length that is not that of the block}}
    %masked = attn_tile.mask %score position %one key %one length %batch band(%one, %one) group 1
        : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32>
    %weight, %m, %l, %alpha = attn_tile.softmax_step %masked, %maximum, %denominator
        : !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
        -> !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
    %v = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    %o = attn_tile.accumulate %sum, %alpha, %weight, %v
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x128xf32>,
        !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x8xf32>
  }
}

// -----

attn_tile.program @result_used_beside_the_steps(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %q = attn_tile.load_queries %query[%batch, %one, %one] count %one group 1
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<?x8xf32>
    %maximum, %denominator, %sum = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x8xf32>
    %scale = arith.constant 1.0 : f32
    %k = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    %score = attn_tile.contract %q, %k scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x128xf32>
    %masked = attn_tile.mask %score position %one key %one length %one band(%one, %one) group 1
        : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32>
    // expected-error @below {{'attn_tile.softmax_step' op has a result that 'attn_tile.finish' uses in the loop over keys}}
    %weight, %m, %l, %alpha = attn_tile.softmax_step %masked, %maximum, %denominator
        : !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
        -> !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
    %v = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    %o = attn_tile.accumulate %sum, %alpha, %weight, %v
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x128xf32>,
        !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x8xf32>
    %out, %lse = attn_tile.finish %m, %l, %o kv_head %one group 1
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x8xf32>
  }
}

// -----

attn_tile.program @map_with_sine(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %q = attn_tile.load_queries %query[%batch, %one, %one] count %one group 1
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<?x8xf32>
    %maximum, %denominator, %sum = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x8xf32>
    %scale = arith.constant 1.0 : f32
    %k = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    %score = attn_tile.contract %q, %k scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x128xf32>
    // expected-error @below {{'attn_tile.map' op cannot be lowered for the CPU: it holds 'math.sin'}}
    %mapped = attn_tile.map %score first %one key %one kv_head %one group 1
        : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32> {
    ^bb0(%value: f32, %row: index, %column: index, %head: index):
      %x = math.sin %value : f32
      attn_tile.yield %x : f32
    }
    %masked = attn_tile.mask %mapped position %one key %one length %one band(%one, %one) group 1
        : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32>
    %weight, %m, %l, %alpha = attn_tile.softmax_step %masked, %maximum, %denominator
        : !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
        -> !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
    %v = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    %o = attn_tile.accumulate %sum, %alpha, %weight, %v
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x128xf32>,
        !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x8xf32>
  }
}

// -----

attn_tile.program @map_to_a_parameter(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  %bias = attn_tile.parameter "bias" = [0.5] : f32
  attn_tile.phase "attend" grid(%batch = %one) {
    %q = attn_tile.load_queries %query[%batch, %one, %one] count %one group 1
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<?x8xf32>
    %maximum, %denominator, %sum = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x8xf32>
    %scale = arith.constant 1.0 : f32
    %k = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    %score = attn_tile.contract %q, %k scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x128xf32>
    // expected-error @below {{'attn_tile.map' op cannot be lowered for the CPU: it yields a value from outside that is no constant}}
    %mapped = attn_tile.map %score first %one key %one kv_head %one group 1
        : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32> {
    ^bb0(%value: f32, %row: index, %column: index, %head: index):
      attn_tile.yield %bias : f32
    }
    %masked = attn_tile.mask %mapped position %one key %one length %one band(%one, %one) group 1
        : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32>
    %weight, %m, %l, %alpha = attn_tile.softmax_step %masked, %maximum, %denominator
        : !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
        -> !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
    %v = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    %o = attn_tile.accumulate %sum, %alpha, %weight, %v
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x128xf32>,
        !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x8xf32>
  }
}
