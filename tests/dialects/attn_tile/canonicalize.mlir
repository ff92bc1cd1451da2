// RUN: attn-opt %s --canonicalize | FileCheck %s

// A map is scalar code of its own: its constants are no sizes of the program.

// CHECK-LABEL: func.func @constants_stay_in_map
func.func @constants_stay_in_map(%score: !attn_tile.tile<?x128xf32>,
    %first: index, %key: index, %kv_head: index) -> !attn_tile.tile<?x128xf32> {
  // CHECK-NEXT: attn_tile.map
  // CHECK: arith.constant 5.0
  %result = attn_tile.map %score first %first key %key kv_head %kv_head group 4
      : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32> {
  ^bb0(%value: f32, %row: index, %column: index, %head: index):
    %two = arith.constant 2.0 : f32
    %three = arith.constant 3.0 : f32
    %five = arith.addf %two, %three : f32
    %more = arith.addf %value, %five : f32
    attn_tile.yield %more : f32
  }
  return %result : !attn_tile.tile<?x128xf32>
}
