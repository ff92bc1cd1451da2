// RUN: attn-opt %s --attn-cpu-functions-to-llvm --allow-unregistered-dialect \
// RUN:   --verify-diagnostics

func.func @unknown() {
  // expected-error@+1 {{failed to legalize operation 'other.op'}}
  "other.op"() : () -> ()
  return
}
