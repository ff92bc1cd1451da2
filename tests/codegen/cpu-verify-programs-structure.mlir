// RUN: attn-opt %s --attn-cpu-verify-programs="target=x86-64-v4" --split-input-file --verify-diagnostics

// Operations, types and places that the dialect allows and the CPU back end does
// not take.

attn_tile.program @branch_with_an_index(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %true = arith.constant true
    // expected-error @below {{'scf.if' op has a result of type 'index', the CPU takes one block of scores or none}}
    %size = scf.if %true -> (index) {
      scf.yield %one : index
    } else {
      scf.yield %batch : index
    }
  }
}

// -----

attn_tile.program @branch_with_an_else(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %true = arith.constant true
    // expected-error @below {{'scf.if' op has an else region, which the CPU leaves out}}
    scf.if %true {
    } else {
    %maximum, %denominator, %sum = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x8xf32>
    }
  }
}

// -----

attn_tile.program @arithmetic_on_i32(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    // expected-error @below {{'arith.constant' op works on 'i32', the CPU takes index, i1 and f32}}
    %two = arith.constant 2 : i32
  }
}

// -----

attn_tile.program @choice_of_a_tile(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %maximum, %denominator, %sum = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x8xf32>
    %true = arith.constant true
    // expected-error @below {{'arith.select' op works on '!attn_tile.tile<?xf32>', the CPU takes index, i1 and f32}}
    %either = arith.select %true, %maximum, %denominator : !attn_tile.tile<?xf32>
  }
}

// -----

attn_tile.program @parameter_in_a_phase(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    // expected-error @below {{'attn_tile.parameter' op stands in a phase, expected before the phases}}
    %left = attn_tile.parameter "left" = [4096] : index
  }
}

// -----

attn_tile.program @steps_before_the_phases(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  // expected-error @below {{'attn_tile.start' op stands before the phases, expected in a phase}}
  %maximum, %denominator, %sum = attn_tile.start rows %one
      : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x8xf32>
  attn_tile.phase "attend" grid(%batch = %one) {
  }
}

// -----

attn_tile.program @lengths_of_64_bits(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %lengths: !attn_tile.view<?xi64>) attributes {
    argument_names = ["query", "key", "kv_lengths"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    // expected-error @below {{'attn_tile.length' op has lengths of type 'i64', the CPU takes i32}}
    %length = attn_tile.length %key[%batch] lengths(%lengths : !attn_tile.view<?xi64>) : !attn_tile.view<?x?x1x8xf32>
  }
}

// -----

// The workspace has room for what the call's sizes say.
attn_tile.program @buffer_of_unknown_size(%query: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  %queries = attn_tile.dim %query, 1 : !attn_tile.view<?x?x1x8xf32>
  %more = arith.addi %queries, %one : index
  // expected-error @below {{'attn_tile.buffer' op has a dimension 0 that is no product of numbers and sizes of arguments}}
  %rows = attn_tile.buffer [%more] : !attn_tile.view<?x8xf32>
  attn_tile.phase "attend" grid(%batch = %one) {
  }
}
