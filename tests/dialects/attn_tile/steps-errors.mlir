// RUN: attn-opt %s --split-input-file --verify-diagnostics

// One test for each constraint of the steps on values.

func.func @contract_c1(%query: !attn_tile.tile<?x64xf32>, %scale: f32, %key: !attn_tile.tile<128x32xf32>) {
  // expected-error @below {{'attn_tile.contract' op columns of query and key differ: 64 and 32}}
  %score = attn_tile.contract %query, %key scale %scale
      : !attn_tile.tile<?x64xf32>, !attn_tile.tile<128x32xf32> -> !attn_tile.tile<?x128xf32>
  return
}

// -----

func.func @contract_c2(%query: !attn_tile.tile<?x64xf32>, %scale: f32, %key: !attn_tile.tile<128x64xf32>) {
  // expected-error @below {{'attn_tile.contract' op rows of key and columns of score differ: 128 and 64}}
  %score = attn_tile.contract %query, %key scale %scale
      : !attn_tile.tile<?x64xf32>, !attn_tile.tile<128x64xf32> -> !attn_tile.tile<?x64xf32>
  return
}

// -----

func.func @contract_c2_rows(%query: !attn_tile.tile<?x64xf32>, %scale: f32, %key: !attn_tile.tile<128x64xf32>) {
  // expected-error @below {{'attn_tile.contract' op rows of query and score differ: ? and 8}}
  %score = attn_tile.contract %query, %key scale %scale
      : !attn_tile.tile<?x64xf32>, !attn_tile.tile<128x64xf32> -> !attn_tile.tile<8x128xf32>
  return
}

// -----

func.func @map_c1(%score: !attn_tile.tile<?x128xf32>, %i: index) {
  // expected-error @below {{'attn_tile.map' op region takes 'f32', 'index', expected (f32 score, index row, index column, index head)}}
  %result = attn_tile.map %score first %i key %i kv_head %i group 4
      : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32> {
  ^bb0(%s: f32, %row: index):
    attn_tile.yield %s : f32
  }
  return
}

// -----

func.func @map_changes_type(%score: !attn_tile.tile<?x128xf32>, %i: index) {
  // expected-error @below {{'attn_tile.map' op failed to verify that all of {score, result} have same type}}
  %result = attn_tile.map %score first %i key %i kv_head %i group 4
      : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x64xf32> {
  ^bb0(%s: f32, %row: index, %column: index, %head: index):
    attn_tile.yield %s : f32
  }
  return
}

// -----

func.func @mask_changes_type(%score: !attn_tile.tile<?x128xf32>, %i: index) {
  // expected-error @below {{'attn_tile.mask' op failed to verify that all of {score, result} have same type}}
  %result = attn_tile.mask %score position %i key %i length %i band(%i, %i)
      group 4 : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x64xf32>
  return
}

// -----

func.func @mask_group_not_positive(%score: !attn_tile.tile<?x128xf32>, %i: index) {
  // expected-error @below {{attribute 'group' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %result = attn_tile.mask %score position %i key %i length %i band(%i, %i)
      group 0 : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32>
  return
}

// -----

func.func @softmax_step_c1(%score: !attn_tile.tile<8x128xf32>, %maximum: !attn_tile.tile<?xf32>,
    %denominator: !attn_tile.tile<?xf32>) {
  // expected-error @below {{'attn_tile.softmax_step' op rows of score and maximum differ: 8 and ?}}
  %weight, %m, %l, %alpha = attn_tile.softmax_step %score, %maximum, %denominator
      : !attn_tile.tile<8x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
      -> !attn_tile.tile<8x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>,
      !attn_tile.tile<?xf32>
  return
}

// -----

func.func @accumulate_c1(%sum: !attn_tile.tile<?x64xf32>, %alpha: !attn_tile.tile<8xf32>,
    %weight: !attn_tile.tile<?x128xf32>, %value: !attn_tile.tile<128x64xf32>) {
  // expected-error @below {{'attn_tile.accumulate' op rows of alpha and sum differ: 8 and ?}}
  %new_sum = attn_tile.accumulate %sum, %alpha, %weight, %value
      : !attn_tile.tile<?x64xf32>, !attn_tile.tile<8xf32>, !attn_tile.tile<?x128xf32>,
      !attn_tile.tile<128x64xf32> -> !attn_tile.tile<?x64xf32>
  return
}

// -----

func.func @accumulate_c2(%sum: !attn_tile.tile<?x64xf32>, %alpha: !attn_tile.tile<?xf32>,
    %weight: !attn_tile.tile<?x128xf32>, %value: !attn_tile.tile<64x64xf32>) {
  // expected-error @below {{'attn_tile.accumulate' op columns of weight and rows of value differ: 128 and 64}}
  %new_sum = attn_tile.accumulate %sum, %alpha, %weight, %value
      : !attn_tile.tile<?x64xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x128xf32>,
      !attn_tile.tile<64x64xf32> -> !attn_tile.tile<?x64xf32>
  return
}

// -----

func.func @accumulate_c3(%sum: !attn_tile.tile<?x64xf32>, %alpha: !attn_tile.tile<?xf32>,
    %weight: !attn_tile.tile<?x128xf32>, %value: !attn_tile.tile<128x32xf32>) {
  // expected-error @below {{'attn_tile.accumulate' op columns of sum and value differ: 64 and 32}}
  %new_sum = attn_tile.accumulate %sum, %alpha, %weight, %value
      : !attn_tile.tile<?x64xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x128xf32>,
      !attn_tile.tile<128x32xf32> -> !attn_tile.tile<?x64xf32>
  return
}

// -----

func.func @merge_c1(%maximum: !attn_tile.tile<8xf32>, %denominator: !attn_tile.tile<?xf32>,
    %sum: !attn_tile.tile<?x64xf32>) {
  // expected-error @below {{'attn_tile.merge' op rows of maximum and sum differ: 8 and ?}}
  %m, %l, %o = attn_tile.merge(%maximum, %denominator, %sum),
      (%maximum, %denominator, %sum)
      : !attn_tile.tile<8xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x64xf32>
  return
}

// -----

func.func @finish_c1(%maximum: !attn_tile.tile<?xf32>, %denominator: !attn_tile.tile<?xf32>,
    %sum: !attn_tile.tile<8x64xf32>, %kv_head: index) {
  // expected-error @below {{'attn_tile.finish' op rows of maximum and sum differ: ? and 8}}
  %output, %lse = attn_tile.finish %maximum, %denominator, %sum kv_head %kv_head
      group 4 : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<8x64xf32>
  return
}

// -----

func.func @map_c1_no_yield(%score: !attn_tile.tile<?x128xf32>, %i: index) {
  // expected-error @below {{'attn_tile.map' op region ends without 'attn_tile.yield'}}
  %result = attn_tile.map %score first %i key %i kv_head %i group 4
      : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32> {
  ^bb0(%s: f32, %row: index, %column: index, %head: index):
    llvm.unreachable
  }
  return
}

// -----

func.func @map_c1_yield(%score: !attn_tile.tile<?x128xf32>, %i: index) {
  // expected-error @below {{'attn_tile.map' op region yields 'i1', expected f32}}
  %result = attn_tile.map %score first %i key %i kv_head %i group 4
      : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32> {
  ^bb0(%s: f32, %row: index, %column: index, %head: index):
    %true = arith.constant true
    attn_tile.yield %true : i1
  }
  return
}

// -----

func.func @map_c1_position(%score: !attn_tile.tile<?x128xf32>, %i: index) {
  // expected-error @below {{'attn_tile.map' op region takes 'f32', 'index', 'index', 'index', expected (f32 score, index row, index column, index head, index position)}}
  %result = attn_tile.map %score first %i key %i kv_head %i position %i group 4
      : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32> {
  ^bb0(%s: f32, %row: index, %column: index, %head: index):
    attn_tile.yield %s : f32
  }
  return
}

// -----

func.func @lookup_c1(%score: !attn_tile.tile<?x128xf32>, %i: index) {
  // expected-note @below {{this attn_tile.map has no operand 'table'}}
  %result = attn_tile.map %score first %i key %i kv_head %i group 4
      : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32> {
  ^bb0(%s: f32, %row: index, %column: index, %head: index):
    // expected-error @below {{'attn_tile.lookup' op reads a table}}
    %bias = attn_tile.lookup[%row, %head]
    attn_tile.yield %bias : f32
  }
  return
}

// -----

func.func @documents_c1(%ids: !attn_tile.view<?x?xf32>, %i: index) {
  // expected-error @below {{'attn_tile.documents' op has elements of type 'f32', expected i32}}
  %begins, %ends = attn_tile.documents %ids[%i] position %i count %i length %i
      : !attn_tile.view<?x?xf32> -> !attn_tile.tile<?xi32>
  return
}

// -----

func.func @key_ranges_c1(%i: index, %begins: !attn_tile.tile<?xi32>) {
  // expected-error @below {{'attn_tile.key_ranges' op has begins of documents alone, expected both ends}}
  %lo, %full_lo, %full_hi, %hi = "attn_tile.key_ranges"(%i, %i, %i, %i, %i, %begins)
      <{block = 128 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 0, 0, 1, 0>}>
      : (index, index, index, index, index, !attn_tile.tile<?xi32>)
      -> (index, index, index, index)
  return
}

// -----

func.func @mask_c1(%score: !attn_tile.tile<?x128xf32>, %i: index, %ends: !attn_tile.tile<?xi32>) {
  // expected-error @below {{'attn_tile.mask' op has ends of documents alone, expected both ends}}
  %masked = "attn_tile.mask"(%score, %i, %i, %i, %i, %i, %ends)
      <{group = 4 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1, 0, 0, 0, 1>}>
      : (!attn_tile.tile<?x128xf32>, index, index, index, index, index, !attn_tile.tile<?xi32>)
      -> !attn_tile.tile<?x128xf32>
  return
}

// -----

func.func @project_c1(%rows: !attn_tile.tile<128x16xf32>, %weight: !attn_tile.tile<8x32xf32>) {
  // expected-error @below {{'attn_tile.project' op columns of tile and weight differ: 16 and 32}}
  %product = attn_tile.project %rows, %weight
      : !attn_tile.tile<128x16xf32>, !attn_tile.tile<8x32xf32> -> !attn_tile.tile<128x8xf32>
  return
}

// -----

func.func @project_c2(%rows: !attn_tile.tile<128x16xf32>, %weight: !attn_tile.tile<8x16xf32>) {
  // expected-error @below {{'attn_tile.project' op rows of tile and product differ: 128 and 64}}
  %product = attn_tile.project %rows, %weight
      : !attn_tile.tile<128x16xf32>, !attn_tile.tile<8x16xf32> -> !attn_tile.tile<64x8xf32>
  return
}

// -----

func.func @project_c2_columns(%rows: !attn_tile.tile<128x16xf32>, %weight: !attn_tile.tile<8x16xf32>) {
  // expected-error @below {{'attn_tile.project' op rows of weight and columns of product differ: 8 and 16}}
  %product = attn_tile.project %rows, %weight
      : !attn_tile.tile<128x16xf32>, !attn_tile.tile<8x16xf32> -> !attn_tile.tile<128x16xf32>
  return
}

// -----

func.func @join_c1(%left: !attn_tile.tile<128x16xf32>) {
  // expected-error @below {{'attn_tile.join' op joins 1 tiles, expected two or more}}
  %result = attn_tile.join %left : !attn_tile.tile<128x16xf32> -> !attn_tile.tile<128x16xf32>
  return
}

// -----

func.func @join_c1_rows(%left: !attn_tile.tile<128x16xf32>, %right: !attn_tile.tile<64x8xf32>) {
  // expected-error @below {{'attn_tile.join' op rows of tile and result differ: 64 and 128}}
  %result = attn_tile.join %left, %right
      : !attn_tile.tile<128x16xf32>, !attn_tile.tile<64x8xf32> -> !attn_tile.tile<128x24xf32>
  return
}

// -----

func.func @join_c2(%left: !attn_tile.tile<128x16xf32>, %right: !attn_tile.tile<128x8xf32>) {
  // expected-error @below {{'attn_tile.join' op columns of the tiles and of the result differ: 24 and 32}}
  %result = attn_tile.join %left, %right
      : !attn_tile.tile<128x16xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<128x32xf32>
  return
}
