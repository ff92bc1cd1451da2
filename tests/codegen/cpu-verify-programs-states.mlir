// RUN: attn-opt %s --attn-cpu-verify-programs="target=x86-64-v4" --split-input-file --verify-diagnostics

// Running states that cannot be kept in one place.

attn_tile.program @loop_over_an_index(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    // expected-error @below {{'scf.for' op carries a 'index' that is not a result of attn_tile.start}}
    %last = scf.for %i = %one to %one step %one iter_args(%carried = %one) -> (index) {
      scf.yield %i : index
    }
  }
}

// -----

attn_tile.program @loop_that_exchanges(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %maximum, %denominator, %sum = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x1xf32>
    // expected-error @below {{'scf.for' op yields a state that is no update of the one that it carries}}
    %r:2 = scf.for %i = %one to %one step %one iter_args(%x = %maximum, %y = %denominator)
        -> (!attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>) {
      scf.yield %y, %x : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
    }
  }
}

// -----

attn_tile.program @parts_in_another_order(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %maximum, %denominator, %sum = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x1xf32>
    // expected-error @below {{'attn_tile.finish' op takes maximum, denominator and sum of different states, or in another order}}
    %out, %lse = attn_tile.finish %denominator, %maximum, %sum kv_head %one group 1
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x1xf32>
  }
}

// -----

attn_tile.program @part_of_no_state(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %m1, %l1, %o1 = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x1xf32>
    %m2, %l2, %o2 = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x1xf32>
    %out, %lse = attn_tile.finish %m1, %l1, %o1 kv_head %one group 1
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x1xf32>
    // expected-error @below {{'attn_tile.finish' op takes a tile that is no part of a running state}}
    %out2, %lse2 = attn_tile.finish %lse, %l2, %o2 kv_head %one group 1
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x1xf32>
  }
}

// -----

attn_tile.program @state_used_again(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %maximum, %denominator, %sum = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x1xf32>
    // expected-error @below {{'attn_tile.finish' op updates a state that is used again}}
    %out, %lse = attn_tile.finish %maximum, %denominator, %sum kv_head %one group 1
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x1xf32>
    %out2, %lse2 = attn_tile.finish %maximum, %denominator, %sum kv_head %one group 1
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x1xf32>
  }
}

// -----

attn_tile.program @sum_of_other_columns(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    // expected-error @below {{'attn_tile.start' op has a sum of 8 columns, attn_tile.accumulate has 1}}
    %m1, %l1, %o1 = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x8xf32>
  }
}

// -----

attn_tile.program @finish_of_the_workspace(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  %states = attn_tile.workspace[%one] rows 64 columns 1 : !attn_tile.states
  attn_tile.phase "attend" grid(%batch = %one) {
    %m2, %l2, %o2 = attn_tile.load_state %states[%one] rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x1xf32>
    // expected-error @below {{'attn_tile.finish' op updates a state of the workspace in place}}
    %out, %lse = attn_tile.finish %m2, %l2, %o2 kv_head %one group 1
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x1xf32>
  }
}

// -----

attn_tile.program @workspace_too_small(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  // expected-error @below {{'attn_tile.workspace' op has 8 rows, a task has up to 64}}
  %states = attn_tile.workspace[%one] rows 8 columns 1 : !attn_tile.states
  attn_tile.phase "attend" grid(%batch = %one) {
  }
}

// -----

attn_tile.program @workspace_of_other_columns(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  // expected-error @below {{'attn_tile.workspace' op has 8 columns, attn_tile.accumulate has 1}}
  %states = attn_tile.workspace[%one] rows 64 columns 8 : !attn_tile.states
  attn_tile.phase "attend" grid(%batch = %one) {
  }
}

// -----

attn_tile.program @two_workspaces(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
                       %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  %states = attn_tile.workspace[%one] rows 64 columns 1 : !attn_tile.states
  // expected-error @below {{'attn_tile.workspace' op is the second of a program, the CPU takes one}}
  %more = attn_tile.workspace[%one] rows 64 columns 1 : !attn_tile.states
  attn_tile.phase "attend" grid(%batch = %one) {
  }
}
