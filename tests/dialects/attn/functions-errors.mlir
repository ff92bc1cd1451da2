// RUN: attn-opt %s --split-input-file --verify-diagnostics

// attn.name, attn.updates, attn.layers and attn.scope carry meaning between passes,
// so that the dialect verifies them wherever they stand.

// expected-error @below {{'func.func' op has 'attn.name' = 1 : i64, expected a name in quotes}}
func.func private @name_number(tensor<?xf32> {attn.name = 1})

// -----

// expected-error @below {{'func.func' op has 'attn.name' = "", expected a name in quotes}}
func.func private @name_empty(tensor<?xf32>) -> (tensor<?xf32> {attn.name = ""})

// -----

// expected-error @below {{'func.func' op has two tensors with 'attn.name' = "query", expected different names}}
func.func private @name_twice(tensor<?xf32> {attn.name = "query"},
                              tensor<?xf32> {attn.name = "query"})

// -----

// expected-error @below {{'func.func' op has two tensors with 'attn.name' = "query", expected different names}}
func.func private @name_of_result_twice(tensor<?xf32> {attn.name = "query"})
    -> (tensor<?xf32>, tensor<?xf32> {attn.name = "query"})

// -----

// expected-error @below {{'func.func' op has attribute 'attn.nam', which the attn dialect does not define here}}
func.func private @name_misspelt(tensor<?xf32> {attn.nam = "query"})

// -----

func.func private @layers_descending() attributes {
  // expected-error @below {{layer 0 follows 1, expected layers ascending from 0}}
  attn.layers = #attn.layers<1, 0>}

// -----

// expected-error @below {{'func.func' op has 'attn.layers' = "all", expected #attn.layers<...>}}
func.func private @layers_text() attributes {attn.layers = "all"}

// -----

// expected-error @below {{'func.func' op has 'attn.scope' = "core", expected #attn.scope<...>}}
func.func private @scope_text() attributes {attn.scope = "core"}

// -----

// expected-error @below {{'builtin.module' op has attribute 'attn.layers', which the attn dialect does not define here}}
module attributes {attn.layers = #attn.layers<0>} {
}

// -----

// expected-error @below {{'func.func' op has 'attn.updates' = "state", expected the name of an argument}}
func.func private @attn_updates_missing(tensor<?xf32> {attn.name = "x"})
    -> (tensor<?xf32> {attn.updates = "state"})

// -----

// expected-error @below {{'func.func' op has 'attn.updates' = 0 : i64, expected the name of an argument}}
func.func private @attn_updates_number(tensor<?xf32> {attn.name = "x"})
    -> (tensor<?xf32> {attn.updates = 0})

// -----

// expected-error @below {{'func.func' op has 'attn.updates' = "y", expected the name of an argument}}
func.func private @attn_updates_result(tensor<?xf32> {attn.name = "x"})
    -> (tensor<?xf32> {attn.updates = "y"}, tensor<?xf32> {attn.name = "y"})

// -----

// expected-error @below {{'func.func' op has 'attn.updates' = "x", which is 'tensor<?xf32>', on a result 'tensor<4xf32>'}}
func.func private @attn_updates_type(tensor<?xf32> {attn.name = "x"})
    -> (tensor<4xf32> {attn.updates = "x"})

// -----

// expected-error @below {{'func.func' op has 'attn.updates' = "x" on two results, expected one}}
func.func private @attn_updates_twice(tensor<?xf32> {attn.name = "x"})
    -> (tensor<?xf32> {attn.updates = "x"}, tensor<?xf32> {attn.updates = "x"})

// -----

// expected-error @below {{'func.func' op has attribute 'attn.updates', which the attn dialect does not define here}}
func.func private @attn_updates_argument(tensor<?xf32> {attn.updates = "x"})

// -----

// expected-error @below {{'func.func' op has 'attn.max_queries' = 0 : i64, expected an i64 of at least 1}}
func.func private @attn_max_queries(tensor<4xf32>)
    attributes {attn.kernel = "k", attn.max_queries = 0 : i64}

// -----

// expected-error @below {{'func.func' op has 'attn.max_queries' = 8 : i64, expected an attn.kernel too}}
func.func private @attn_max_queries_alone(tensor<4xf32>)
    attributes {attn.max_queries = 8 : i64}

// -----

// expected-error @below {{'func.func' op has 'attn.kernel' = "", expected a name in quotes}}
func.func private @attn_kernel(tensor<4xf32>) attributes {attn.kernel = ""}

// -----

// expected-error @below {{'func.func' op has 'attn.updates' = "x" and 'attn.name' on one result, expected one of them}}
func.func private @attn_updates_named(tensor<?xf32> {attn.name = "x"})
    -> (tensor<?xf32> {attn.name = "y", attn.updates = "x"})
