// RUN: attn-opt %s --convert-attn-to-attn-tile="schedules='[\
// RUN: #attn_tile.schedule<name = \"graph\", max_queries = 64, query_block = 32, key_block = 16, split_keys = 64, max_splits = 4, split_tasks = false>]'" \
// RUN: --canonicalize --cse | attn-opt --verify-roundtrip | FileCheck %s

// Callers' tensors may have 16 bits. Tiles are f32, and so are the buffers between
// phases, whatever the graph calls its tensors: a value is rounded where a tensor
// of the caller's is stored. What is only moved stays as it is stored.

func.func @norm_then_product(%x: tensor<?x?x24xbf16> {attn.name = "x"},
                             %g: tensor<24xbf16> {attn.name = "g"},
                             %w: tensor<40x24xf16> {attn.name = "w"},
                             %b: tensor<40xf32> {attn.name = "b"})
    -> (tensor<?x?x40xbf16> {attn.name = "y"}) {
  %n = attn.rms_norm %x weight(%g : tensor<24xbf16>) {eps = 1.0e-6}
      : tensor<?x?x24xbf16>
  %p = attn.linear %n, %w bias(%b : tensor<40xf32>)
      : tensor<?x?x24xbf16>, tensor<40x24xf16> -> tensor<?x?x40xbf16>
  %y = attn.silu %p : tensor<?x?x40xbf16>
  return %y : tensor<?x?x40xbf16>
}

// CHECK-LABEL: attn_tile.program @norm_then_product_graph(
// CHECK: %[[NORMED:.*]] = attn_tile.buffer[%{{.*}}, %{{.*}}] : <?x?x24xf32>
// CHECK: attn_tile.load_rows %x{{.*}} : <?x?x24xbf16> -> <?x24xf32>
// CHECK: attn_tile.store_rows %{{.*}}, %[[NORMED]]{{.*}} : <?x24xf32>, <?x?x24xf32>
// CHECK: attn_tile.load_rows %w{{.*}} : <40x24xf16> -> <16x24xf32>
// CHECK: attn_tile.load_rows %{{.*}} : <?x?x40xf32> -> <?x16xf32>
// CHECK: attn_tile.store_rows %{{.*}}, %y{{.*}} : <?x16xf32>, <?x?x40xbf16>

func.func @append(%cache: tensor<?x?x2x8xf16> {attn.name = "cache"},
                  %x: tensor<?x?x2x8xf32> {attn.name = "x"},
                  %lengths: tensor<?xi32> {attn.name = "kv_lengths"})
    -> (tensor<?x?x2x8xf16> {attn.updates = "cache"}) {
  %k = attn.cache_append %cache, %x lengths(%lengths : tensor<?xi32>)
      : tensor<?x?x2x8xf16>, tensor<?x?x2x8xf32>
  return %k : tensor<?x?x2x8xf16>
}

// CHECK-LABEL: attn_tile.program @append_graph(
// CHECK: attn_tile.load_rows %x{{.*}} : <?x?x2x8xf32> -> <?x8xf32>
// CHECK: attn_tile.store_rows %{{.*}}, %cache{{.*}} : <?x8xf32>, <?x?x2x8xf16>

func.func @copied(%x: tensor<?x8x24xbf16> {attn.name = "x"},
                  %w: tensor<6x24x8xbf16> {attn.name = "w"})
    -> (tensor<?x8x6xbf16> {attn.name = "y"}) {
  %part = attn.slice %w {dim = 2, offset = 3}
      : tensor<6x24x8xbf16> -> tensor<6x24x1xbf16>
  %rows = attn.flatten %part {dim = 1} : tensor<6x24x1xbf16> -> tensor<6x24xbf16>
  %y = attn.linear %x, %rows
      : tensor<?x8x24xbf16>, tensor<6x24xbf16> -> tensor<?x8x6xbf16>
  return %y : tensor<?x8x6xbf16>
}

// CHECK-LABEL: attn_tile.program @copied_graph(
// CHECK: attn_tile.buffer[] : <6x24xbf16>

// Parts that are stored apart are copied side by side, each as the whole is held.
func.func @joined(%absorbed: tensor<?x?x2x8xf32> {attn.name = "absorbed"},
                  %rope: tensor<?x?x2x4xbf16> {attn.name = "rope"},
                  %latent: tensor<?x?x1x8xf16> {attn.name = "latent"},
                  %key: tensor<?x?x1x4xbf16> {attn.name = "key"})
    -> (tensor<?x?x2x8xf32> {attn.name = "y"}) {
  %query = attn.concat %absorbed, %rope {dim = 3}
      : tensor<?x?x2x8xf32>, tensor<?x?x2x4xbf16> -> tensor<?x?x2x12xf32>
  %keys = attn.concat %latent, %key {dim = 3}
      : tensor<?x?x1x8xf16>, tensor<?x?x1x4xbf16> -> tensor<?x?x1x12xf16>
  %y, %lse = attn.flash %query, %keys, %latent {scale = 0.5, mask = #attn.causal}
      : tensor<?x?x2x12xf32>, tensor<?x?x1x12xf16>, tensor<?x?x1x8xf16>
      -> tensor<?x?x2x8xf32>, tensor<?x?x2xf32>
  return %y : tensor<?x?x2x8xf32>
}

// CHECK-LABEL: attn_tile.program @joined_graph(
// CHECK-DAG: %[[QUERY:.*]] = attn_tile.buffer[%{{.*}}, %{{.*}}] : <?x?x2x12xf32>
// CHECK-DAG: %[[KEYS:.*]] = attn_tile.buffer[%{{.*}}, %{{.*}}] : <?x?x1x12xf32>
// CHECK-DAG: attn_tile.load_rows %rope{{.*}} : <?x?x2x4xbf16> -> <?x4xf32>
// CHECK-DAG: attn_tile.load_rows %latent{{.*}} : <?x?x1x8xf16> -> <?x8xf32>
// CHECK-DAG: attn_tile.load_rows %key{{.*}} : <?x?x1x4xbf16> -> <?x4xf32>
// CHECK: attn_tile.load_queries %[[QUERY]]
// CHECK: attn_tile.load_keys %[[KEYS]]
