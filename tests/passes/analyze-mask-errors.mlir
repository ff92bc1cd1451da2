// RUN: not attn-opt %s --attn-analyze-mask=key-block=0 2>&1 | FileCheck %s --check-prefix=KEYS
// RUN: not attn-opt %s --attn-analyze-mask=query-block=-64 2>&1 | FileCheck %s --check-prefix=QUERIES

// Blocks have a size.

// KEYS: error: option 'key-block' is 0, expected at least 1
// QUERIES: error: option 'query-block' is -64, expected at least 1
func.func @nothing() {
  return
}
