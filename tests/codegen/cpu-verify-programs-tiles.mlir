// RUN: attn-opt %s --attn-cpu-verify-programs="target=x86-64-v4" --split-input-file --verify-diagnostics

// Where tiles come from and go to: each program is allowed by the dialect, and an
// error of the CPU back end that names the step.

attn_tile.program @store_of_queries(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    // expected-error @below {{'attn_tile.load_queries' op is used by 'attn_tile.store', the CPU gathers queries for attn_tile.contract alone}}
    %q = attn_tile.load_queries %query[%batch, %one, %one] count %one group 1
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<?x8xf32>
    attn_tile.store %q, %output[%batch, %one, %one] count %one group 1
        : !attn_tile.tile<?x8xf32>, !attn_tile.view<?x?x1x8xf32>
  }
}

// -----

attn_tile.program @store_of_sum(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %maximum, %denominator, %sum = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x8xf32>
    // expected-error @below {{'attn_tile.store' op stores a tile that is no result of attn_tile.finish}}
    attn_tile.store %sum, %output[%batch, %one, %one] count %one group 1
        : !attn_tile.tile<?x8xf32>, !attn_tile.view<?x?x1x8xf32>
  }
}

// -----

attn_tile.program @unused_keys(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    // expected-error @below {{'attn_tile.load_keys' op has 0 uses, the CPU packs a block for exactly one contract, one accumulate, or both}}
    %k = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
  }
}

// -----

attn_tile.program @keys_used_twice(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %q = attn_tile.load_queries %query[%batch, %one, %one] count %one group 1
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<?x8xf32>
    %scale = arith.constant 1.0 : f32
    // expected-error @below {{'attn_tile.load_keys' op has 2 uses, the CPU packs a block for exactly one contract, one accumulate, or both}}
    %k = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    %score = attn_tile.contract %q, %k scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x128xf32>
    %again = attn_tile.contract %q, %k scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x128xf32>
  }
}

// -----

attn_tile.program @keys_not_of_the_block(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    // expected-error @below {{'attn_tile.load_keys' op loads 64 keys, the schedule's key_block is 128}}
    %k = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<64x8xf32>
    %q = attn_tile.load_queries %query[%batch, %one, %one] count %one group 1
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<?x8xf32>
    %scale = arith.constant 1.0 : f32
    %score = attn_tile.contract %q, %k scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<64x8xf32> -> !attn_tile.tile<?x64xf32>
  }
}

// -----

attn_tile.program @query_not_loaded(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %maximum, %denominator, %sum = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x8xf32>
    %scale = arith.constant 1.0 : f32
    %k = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    // expected-error @below {{'attn_tile.contract' op has a query that is no result of attn_tile.load_queries or of steps on rows of the phase}}
    %score = attn_tile.contract %sum, %k scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x128xf32>
  }
}

// -----

attn_tile.program @key_not_loaded(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %q = attn_tile.load_queries %query[%batch, %one, %one] count %one group 1
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<?x8xf32>
    %scale = arith.constant 1.0 : f32
    %x, %y, %k = attn_tile.start rows %one
        : !attn_tile.tile<128xf32>, !attn_tile.tile<128xf32>, !attn_tile.tile<128x8xf32>
    // expected-error @below {{'attn_tile.contract' op has a key that is no result of attn_tile.load_keys}}
    %score = attn_tile.contract %q, %k scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x128xf32>
  }
}

// -----

attn_tile.program @value_not_loaded(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
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
    %weight, %m, %l, %alpha = attn_tile.softmax_step %masked, %maximum, %denominator
        : !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
        -> !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
    %x, %y, %v = attn_tile.start rows %one
        : !attn_tile.tile<128xf32>, !attn_tile.tile<128xf32>, !attn_tile.tile<128x8xf32>
    // expected-error @below {{'attn_tile.accumulate' op has a value that is no result of attn_tile.load_keys}}
    %o = attn_tile.accumulate %sum, %alpha, %weight, %v
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x128xf32>,
        !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x8xf32>
  }
}

// -----

attn_tile.program @two_groups(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %q = attn_tile.load_queries %query[%batch, %one, %one] count %one group 2
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<?x8xf32>
    %scale = arith.constant 1.0 : f32
    %k = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    %score = attn_tile.contract %q, %k scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x128xf32>
    // expected-error @below {{'attn_tile.mask' op has group 1, other steps of the phase have 2}}
    %masked = attn_tile.mask %score position %one key %one length %one band(%one, %one) group 1
        : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32>
  }
}

// -----

attn_tile.program @joined_values(%query: !attn_tile.view<?x?x1x8xf32>, %latent: !attn_tile.view<?x?x6xf32>,
                       %rope_key: !attn_tile.view<?x?x2xf32>) attributes {
    argument_names = ["query", "latent", "rope_key"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %maximum, %denominator, %sum = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x8xf32>
    %q = attn_tile.load_queries %query[%batch, %one, %one] count %one group 1
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<?x8xf32>
    %scale = arith.constant 1.0 : f32
    %k = attn_tile.load_keys %latent, %rope_key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x6xf32>, !attn_tile.view<?x?x2xf32> -> !attn_tile.tile<128x8xf32>
    %score = attn_tile.contract %q, %k scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x128xf32>
    %masked = attn_tile.mask %score position %one key %one length %one band(%one, %one) group 1
        : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32>
    %weight, %m, %l, %alpha = attn_tile.softmax_step %masked, %maximum, %denominator
        : !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
        -> !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
    // expected-error @below {{'attn_tile.load_keys' op joins 2 views, the CPU joins those of keys alone}}
    %value = attn_tile.load_keys %latent, %rope_key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x6xf32>, !attn_tile.view<?x?x2xf32> -> !attn_tile.tile<128x8xf32>
    %new = attn_tile.accumulate %sum, %alpha, %weight, %value
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x128xf32>,
          !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x8xf32>
  }
}

// -----

attn_tile.program @swapped_documents(%ids: !attn_tile.view<?x?xi32>) attributes {
    argument_names = ["ids"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %begins, %ends = attn_tile.documents %ids[%batch] position %one count %one length %one
        : !attn_tile.view<?x?xi32> -> !attn_tile.tile<?xi32>
    // expected-error @below {{'attn_tile.key_ranges' op has documents that are no result of attn_tile.documents}}
    %lo, %full_lo, %full_hi, %hi = attn_tile.key_ranges position %one count %one
        length %one band(%one, %one)
        documents(%ends, %begins : !attn_tile.tile<?xi32>, !attn_tile.tile<?xi32>) block 128
  }
}

// -----

attn_tile.program @stored_as_f64(%query: !attn_tile.view<?x?x1x8xf64>) attributes {
    argument_names = ["query"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    // expected-error @below {{'attn_tile.load_queries' op has elements of type 'f64', the CPU takes f32, in tensors f16 and bf16 too}}
    %q = attn_tile.load_queries %query[%batch, %one, %one] count %one group 1
        : !attn_tile.view<?x?x1x8xf64> -> !attn_tile.tile<?x8xf32>
  }
}
