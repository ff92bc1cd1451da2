//===- RuntimeCheckTest.cpp - Every status, with its message --------------===//
//
// Arguments are checked before a byte is touched, and each refusal names the
// tensor, the value and what was expected.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/FakeKernel.h"

#include <gtest/gtest.h>

using namespace attn::test;

/// can_run refuses `call` with `status` and `message`, and so does run,
/// without writing.
static void expectRefusal(FakeCall &call, attn_status status,
                          const std::string &message, uint32_t kinds = 7) {
  EXPECT_EQ(call.canRun(kinds), status);
  EXPECT_EQ(call.message(), message);
  EXPECT_EQ(call.run(kinds), status);
  for (uint32_t element : call.trace())
    EXPECT_EQ(element, 0u);
}

TEST(RuntimeCheckTest, AcceptsSoundArguments) {
  FakeCall call;
  EXPECT_EQ(call.canRun(), ATTN_OK);
  EXPECT_EQ(call.message(), "");
}

TEST(RuntimeCheckTest, RefusesContext) {
  FakeCall call;
  EXPECT_EQ(attn_rt_run(&fakeKernel(), 7, &call.args, nullptr),
            ATTN_BAD_CONTEXT);
  call.context.size = 8;
  EXPECT_EQ(call.run(), ATTN_BAD_CONTEXT);
  call.context.size = sizeof(attn_context);
  call.context.abi = 2;
  expectRefusal(
      call, ATTN_BAD_CONTEXT,
      "fake_core: context.abi is 2, expected 1: begin with ATTN_CONTEXT_INIT");
  call.context.abi = ATTN_ABI_VERSION;
  call.context.workers = -3;
  expectRefusal(call, ATTN_BAD_CONTEXT,
                "fake_core: context.workers is -3, expected 0 or more");
}

TEST(RuntimeCheckTest, RefusesHeadOfArgs) {
  FakeCall call;
  EXPECT_EQ(attn_rt_run(&fakeKernel(), 7, nullptr, &call.context),
            ATTN_BAD_ARGS);
  EXPECT_EQ(call.message(), "fake_core: args is NULL");
  call.args.abi = 7;
  expectRefusal(call, ATTN_BAD_ARGS,
                "fake_core: args.abi is 7, expected 1: set it to "
                "ATTN_ABI_VERSION");
  call.args.abi = ATTN_ABI_VERSION;
  call.args.flags = 12;
  expectRefusal(call, ATTN_BAD_FLAGS,
                "fake_core: args.flags is 0xc, expected ATTN_FLAG_NO_SINK "
                "(0x1), ATTN_FLAG_RING (0x2), both or 0");
}

TEST(RuntimeCheckTest, RefusesSizeOfArgs) {
  FakeCall call;
  for (uint32_t size : {0u, 12u, 4097u, 0xdeadbeefu}) {
    call.args.size = size;
    expectRefusal(call, ATTN_BAD_ARGS,
                  "fake_core: args.size is " + std::to_string(size) +
                      ", expected 152: set it to sizeof(fake_core_args)");
  }
}

TEST(RuntimeCheckTest, RefusesLayer) {
  FakeCall call;
  call.args.layer = 3;
  expectRefusal(call, ATTN_BAD_LAYER,
                "fake_core: args.layer is 3, expected 0 to 2");
  call.args.layer = 2;
  expectRefusal(call, ATTN_BAD_LAYER,
                "fake_core: args.layer is 2, which this kernel does not serve; "
                "the first that it serves is 0, and the manifest lists all");
}

TEST(RuntimeCheckTest, RefusesReservedFields) {
  std::string why = ": quantised caches are not supported yet; clear args "
                    "before filling it";
  FakeCall call;
  call.args.tail.value_scale_group = 32;
  expectRefusal(call, ATTN_BAD_ARGS,
                "fake_core: args.value_scale_group is 32, expected 0" + why);
  call.args.tail.key_scale_group = 64;
  expectRefusal(call, ATTN_BAD_ARGS,
                "fake_core: args.key_scale_group is 64, expected 0" + why);
  call.args.tail.value_scale = reinterpret_cast<const DLTensor *>(0xbad);
  expectRefusal(call, ATTN_BAD_ARGS,
                "fake_core: args.value_scale is 0xbad, expected NULL" + why);
  call.args.tail.key_scale = reinterpret_cast<const DLTensor *>(0xdead);
  expectRefusal(call, ATTN_BAD_ARGS,
                "fake_core: args.key_scale is 0xdead, expected NULL" + why);
  // A caller that has no such fields has set none.
  call.args.size = offsetof(FakeArgs, tail);
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
}

TEST(RuntimeCheckTest, OnlyKernelsWithWeightsTakePackedOnes) {
  FakeCall call;
  call.args.tail.packed_weights = reinterpret_cast<const DLTensor *>(0xbad);
  expectRefusal(call, ATTN_BAD_ARGS,
                "fake_core: args.packed_weights is 0xbad, expected NULL: this "
                "kernel has no weights");
}

TEST(RuntimeCheckTest, ReadsArgsOfOtherVersions) {
  struct {
    FakeArgs known;
    const DLTensor *appended = nullptr;
  } newer;
  FakeCall call;
  newer.known = call.args;
  newer.known.size = sizeof(newer);
  EXPECT_EQ(attn_rt_run(&fakeKernel(), 7, &newer, &call.context), ATTN_OK)
      << call.message();
  newer.appended = &call.sinks.tensor;
  EXPECT_EQ(attn_rt_can_run(&fakeKernel(), 7, &newer, &call.context),
            ATTN_BAD_ARGS);
  EXPECT_EQ(call.message().find("fake_core: args.size is 160 and byte "), 0u);
  EXPECT_NE(call.message().find("but this version knows 152 bytes only: clear "
                                "args before filling it"),
            std::string::npos);
  // A caller that knows fewer fields: lse is absent.
  call.args.size = offsetof(FakeArgs, lse);
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
  call.args.size = offsetof(FakeArgs, output);
  EXPECT_EQ(call.run(), ATTN_MISSING_TENSOR);
  EXPECT_EQ(call.message(),
            "fake_core: output lies beyond args.size, which is 56, expected "
            "152: set it to sizeof(fake_core_args)");
}

TEST(RuntimeCheckTest, RefusesMissingTensor) {
  FakeCall call;
  call.args.value = nullptr;
  expectRefusal(call, ATTN_MISSING_TENSOR, "fake_core: value is NULL");
  call.args.value = &call.value.tensor;
  call.key.tensor.data = nullptr;
  expectRefusal(call, ATTN_MISSING_TENSOR, "fake_core: key has data NULL");
}

TEST(RuntimeCheckTest, AcceptsAbsentOptionalTensors) {
  FakeCall call;
  call.args.kvLengths = call.args.lse = nullptr;
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
}

TEST(RuntimeCheckTest, RefusesRank) {
  FakeCall call;
  call.query.tensor.ndim = 3;
  expectRefusal(call, ATTN_BAD_RANK, "fake_core: query has rank 3, expected 4");
}

TEST(RuntimeCheckTest, RefusesDtype) {
  FakeCall call;
  for (auto [dtype, name] :
       {std::pair(DLDataType{kDLBfloat, 16, 1}, "bf16"),
        {{kDLFloat, 64, 1}, "f64"},
        {{kDLInt, 8, 1}, "i8"},
        {{kDLUInt, 16, 1}, "u16"},
        {{kDLComplex, 64, 1}, "complex64"},
        {{kDLBool, 8, 1}, "bool"},
        {{kDLBool, 1, 1}, "bool of 1 bits"},
        {{kDLFloat8_e4m3fn, 8, 1}, "f8_e4m3fn"},
        {{kDLFloat4_e2m1fn, 4, 2}, "f4_e2m1fn with 2 lanes"},
        {{kDLFloat, 32, 4}, "f32 with 4 lanes"},
        {{kDLFloat, 32, 0}, "f32 with 0 lanes"},
        {{18, 32, 1}, "code 18 of 32 bits"}}) {
    call.key.tensor.dtype = dtype;
    expectRefusal(call, ATTN_BAD_DTYPE,
                  std::string("fake_core: key has type ") + name +
                      ", expected f32");
  }
  FakeCall lengths;
  lengths.lengths.tensor.dtype = {kDLInt, 64, 1};
  expectRefusal(lengths, ATTN_BAD_DTYPE,
                "fake_core: kv_lengths has type i64, expected i32");
}

/// The fake kernel with keys that are stored as `dtype`.
static attn_status canRunWithKeys(FakeCall &call, DLDataType dtype) {
  attn_rt_kernel kernel = fakeKernel();
  std::vector<attn_rt_tensor> tensors(kernel.tensors,
                                      kernel.tensors + kernel.tensor_count);
  tensors[1].dtype = dtype;
  kernel.tensors = tensors.data();
  return attn_rt_can_run(&kernel, 7, &call.args, &call.context);
}

TEST(RuntimeCheckTest, TakesCachesOf16Bits) {
  constexpr DLDataType f16 = {kDLFloat, 16, 1}, bf16 = {kDLBfloat, 16, 1};
  FakeCall call;
  EXPECT_EQ(canRunWithKeys(call, f16), ATTN_BAD_DTYPE);
  EXPECT_EQ(call.message(), "fake_core: key has type f32, expected f16");
  for (DLDataType dtype : {f16, bf16}) {
    call.key.tensor.dtype = dtype;
    EXPECT_EQ(canRunWithKeys(call, dtype), ATTN_OK) << call.message();
  }
  EXPECT_EQ(canRunWithKeys(call, f16), ATTN_BAD_DTYPE);
  EXPECT_EQ(call.message(), "fake_core: key has type bf16, expected f16");
  // An element has two bytes, and may begin at each second.
  call.key.tensor.byte_offset = 2;
  EXPECT_EQ(canRunWithKeys(call, bf16), ATTN_OK) << call.message();
  call.key.tensor.byte_offset = 1;
  EXPECT_EQ(canRunWithKeys(call, bf16), ATTN_BAD_ALIGNMENT);
}

TEST(RuntimeCheckTest, RefusesDevice) {
  FakeCall call;
  call.value.tensor.device.device_type = kDLCUDA;
  expectRefusal(call, ATTN_BAD_DEVICE,
                "fake_core: value is on device type 2, expected 1 (the CPU)");
}

TEST(RuntimeCheckTest, RefusesShape) {
  FakeCall call;
  call.query.shape[3] = 16;
  expectRefusal(
      call, ATTN_BAD_SHAPE,
      "fake_core: query has extent 16 in dimension 3 (dim), expected 8");
  call.query.shape[3] = 8;
  call.key.shape[0] = 3;
  expectRefusal(call, ATTN_BAD_SHAPE,
                "fake_core: key has extent 3 in dimension 0 (batch), but the "
                "batch of the tensors before it is 2; caches on pages need "
                "page_table");
  call.key.shape[0] = 2;
  call.value.shape[1] = -1;
  expectRefusal(call, ATTN_BAD_SHAPE,
                "fake_core: value has extent -1 in dimension 1 (key)");
  call.value.tensor.shape = nullptr;
  expectRefusal(call, ATTN_BAD_SHAPE,
                "fake_core: value has shape NULL, expected 4 extents");
}

/// The kernel with a mask in place of sinks, which `mask` is.
static attn_status canRunMasked(FakeCall &call, const OwnedTensor &mask) {
  constexpr int64_t no = ATTN_RT_NO_SYMBOL;
  std::vector<attn_rt_tensor> tensors(
      fakeKernel().tensors, fakeKernel().tensors + fakeKernel().tensor_count);
  attn_rt_kernel kernel = fakeKernel();
  kernel.tensors = tensors.data();
  tensors[4] = {"mask",
                ATTN_RT_MASK | ATTN_RT_OF_KEYS,
                4,
                {kDLFloat, 32, 1},
                {-1, 4, -1, -1},
                {ATTN_RT_BATCH, no, ATTN_RT_QUERY_LENGTH, ATTN_RT_KV_CAPACITY},
                {"batch", "query_heads", "query_length", "kv_capacity"}};
  call.args.sinks = &mask.tensor;
  return attn_rt_can_run(&kernel, 7, &call.args, &call.context);
}

TEST(RuntimeCheckTest, MasksHaveOneRowForAllOrRowsOfTheirOwn) {
  FakeCall call;
  call.lengths.elements = {5, 2};
  using Shape = std::vector<int64_t>;
  for (const Shape &shape : {Shape{2, 4, 3, 5}, Shape{1, 1, 1, 5},
                             Shape{2, 1, 3, 5}, Shape{1, 4, 1, 9}})
    EXPECT_EQ(canRunMasked(call, OwnedTensor(shape)), ATTN_OK)
        << call.message();
  auto expectRefused = [&](const Shape &shape, const std::string &why) {
    EXPECT_EQ(canRunMasked(call, OwnedTensor(shape)), ATTN_BAD_SHAPE);
    EXPECT_EQ(call.message(), "fake_core: mask has extent " + why);
  };
  expectRefused({3, 1, 1, 5},
                "3 in dimension 0 (batch), but the batch of the tensors "
                "before it is 2");
  expectRefused({1, 2, 1, 5}, "2 in dimension 1 (query_heads), expected 4");
  expectRefused({1, 1, 4, 5},
                "4 in dimension 2 (query_length), but the query_length of the "
                "tensors before it is 3");
  expectRefused({1, 1, 1, 4},
                "4 in dimension 3 (kv_capacity), expected at least the 5 valid "
                "keys of the longest sequence");
  call.lengths.elements = {4, 2};
  EXPECT_EQ(canRunMasked(call, OwnedTensor({1, 1, 1, 4})), ATTN_OK);
}

TEST(RuntimeCheckTest, StaticExtentsBindTheirSymbols) {
  std::vector<attn_rt_tensor> tensors(
      fakeKernel().tensors, fakeKernel().tensors + fakeKernel().tensor_count);
  attn_rt_kernel kernel = fakeKernel();
  kernel.tensors = tensors.data();
  // A query of 2 sequences of 3 rows, keys of whatever the call has.
  tensors[0].extent[0] = 2;
  tensors[0].extent[1] = 3;
  FakeCall call, other(1);
  EXPECT_EQ(attn_rt_can_run(&kernel, 7, &call.args, &call.context), ATTN_OK)
      << call.message();
  call.args.key = &other.key.tensor;
  EXPECT_EQ(attn_rt_can_run(&kernel, 7, &call.args, &call.context),
            ATTN_BAD_SHAPE);
  EXPECT_EQ(call.message(),
            "fake_core: key has extent 1 in dimension 0 (batch), but the batch "
            "of the tensors before it is 2; caches on pages need page_table");
  // Rows choose the program: 3 are more than decode takes.
  call.args.key = &call.key.tensor;
  attn_plan plan;
  EXPECT_EQ(attn_rt_plan(&kernel, 7, &call.args, &call.context, &plan),
            ATTN_OK);
  EXPECT_STREQ(plan.schedule, "short");
}

TEST(RuntimeCheckTest, RefusesCapacityBeyondLengths) {
  FakeCall call;
  call.key.shape[1] = call.value.shape[1] = int64_t(1) << 31;
  call.key.strides = {0, 0, 0, 1};
  expectRefusal(call, ATTN_BAD_SHAPE,
                "fake_core: key has extent 2147483648 in dimension 1 (key), "
                "expected at most 2147483647");
}

TEST(RuntimeCheckTest, RefusesStride) {
  FakeCall call;
  call.key.strides[1] = -16;
  expectRefusal(call, ATTN_BAD_STRIDE,
                "fake_core: key has stride -16 in dimension 1 (key)");
  call.key.strides[1] = 16;
  call.key.strides[3] = 2;
  expectRefusal(call, ATTN_BAD_STRIDE,
                "fake_core: key has stride 2 in its innermost dimension "
                "(dim), expected 1");
  call.key.strides[3] = 1;
  call.key.strides[0] = INT64_MAX / 2;
  expectRefusal(call, ATTN_BAD_STRIDE,
                "fake_core: key with stride 4611686018427387903 in dimension "
                "0 (batch) is larger than memory");
}

TEST(RuntimeCheckTest, StridesOfTheLastAddressDoNotOverflow) {
  // One step of INT64_MAX elements, and the element there.
  FakeCall call;
  call.key.strides = {INT64_MAX, 0, 0, 1};
  expectRefusal(call, ATTN_BAD_STRIDE,
                "fake_core: key with stride 9223372036854775807 in dimension 0 "
                "(batch) is larger than memory");
}

TEST(RuntimeCheckTest, StrideZeroRepeatsInputsOnly) {
  FakeCall call;
  call.key.strides[0] = 0;
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
  FakeCall other;
  other.output.strides[0] = 0;
  expectRefusal(other, ATTN_BAD_STRIDE,
                "fake_core: output has strides that give two elements one "
                "place");
}

TEST(RuntimeCheckTest, StridesDefaultToCompact) {
  FakeCall call, compact;
  compact.output.tensor.strides = compact.key.tensor.strides = nullptr;
  EXPECT_EQ(call.run(), ATTN_OK);
  EXPECT_EQ(compact.run(), ATTN_OK);
  EXPECT_EQ(call.trace(), compact.trace());
}

TEST(RuntimeCheckTest, RefusesAlignment) {
  FakeCall call;
  call.query.tensor.byte_offset = 2;
  EXPECT_EQ(call.run(), ATTN_BAD_ALIGNMENT);
  EXPECT_NE(call.message().find("(byte_offset 2), expected a multiple of its "
                                "element's 4 bytes"),
            std::string::npos)
      << call.message();
}

TEST(RuntimeCheckTest, RefusesLength) {
  FakeCall call;
  call.lengths.elements = {5, 6};
  call.lengths.tensor.data = call.lengths.elements.data();
  expectRefusal(call, ATTN_BAD_LENGTH,
                "fake_core: kv_lengths [1] is 6, expected 0 to 5 (the keys' "
                "capacity)");
  call.lengths.elements[1] = static_cast<uint32_t>(-1);
  expectRefusal(call, ATTN_BAD_LENGTH,
                "fake_core: kv_lengths [1] is -1, expected 0 to 5 (the keys' "
                "capacity)");
}

TEST(RuntimeCheckTest, RefusesOverlapOfOutputs) {
  FakeCall call;
  call.output.tensor.data = call.query.elements.data();
  EXPECT_EQ(call.run(), ATTN_OVERLAP);
  EXPECT_NE(call.message().find("overlaps query at 0x"), std::string::npos);
  call.output.tensor.data = call.output.elements.data();
  call.lse.tensor.data = call.output.elements.data() + 4;
  EXPECT_EQ(call.run(), ATTN_OVERLAP);
  EXPECT_NE(call.message().find("output at 0x"), std::string::npos);
}

TEST(RuntimeCheckTest, AcceptsSlicesOfOneFusedBuffer) {
  // Query and output alternate in rows of one buffer [B, S, 2, H, D].
  FakeCall call;
  std::vector<uint32_t> fused(2 * 3 * 2 * 32);
  for (OwnedTensor *tensor : {&call.query, &call.output}) {
    tensor->strides = {3 * 64, 64, 8, 1};
    tensor->tensor.strides = tensor->strides.data();
    tensor->tensor.data = fused.data();
  }
  call.output.tensor.byte_offset = 32 * 4;
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
  call.output.tensor.byte_offset = 28 * 4;
  EXPECT_EQ(call.run(), ATTN_OVERLAP);
}

TEST(RuntimeCheckTest, RefusesWorkspace) {
  FakeCall call;
  // Claims, one slot of 1000 bytes, four states of 64.
  call.args.kvLengths = nullptr;
  call.context.workspace_bytes = 64 + 1024 + 4 * 64 - 1;
  expectRefusal(call, ATTN_BAD_WORKSPACE,
                "fake_core: the workspace has 1343 bytes, expected 1344 for "
                "batch 2, query_length 3, 6 tokens, kv_length 5 and 1 workers");
  call.context.workspace = nullptr;
  EXPECT_EQ(call.run(), ATTN_BAD_WORKSPACE);
  call.context.workspace = call.memory.data() + 1;
  EXPECT_EQ(call.run(), ATTN_BAD_WORKSPACE);
}

TEST(RuntimeCheckTest, RefusesTarget) {
  FakeCall call;
  call.context.target = "sm_90a";
  expectRefusal(call, ATTN_BAD_TARGET,
                "fake_core: there is no target 'sm_90a' in this kernel, only "
                "impossible, fake");
  call.context.target = "impossible";
  expectRefusal(call, ATTN_BAD_TARGET,
                "fake_core: target 'impossible' needs CPU features that this "
                "CPU lacks, the first is 'unknown'");
}

TEST(RuntimeCheckTest, RefusesPhase) {
  FakeCall call(2, 6);
  expectRefusal(call, ATTN_UNSUPPORTED,
                "fake_core: a sequence has 6 query rows, this phase takes at "
                "most 4",
                ATTN_RT_SHORT | ATTN_RT_DECODE);
  expectRefusal(call, ATTN_UNSUPPORTED,
                "fake_core: was compiled without this phase", 0);
}

TEST(RuntimeCheckTest, CutsMessagesToTheBuffer) {
  FakeCall call;
  call.args.value = nullptr;
  call.context.text_bytes = 10;
  call.text.fill('x');
  EXPECT_EQ(call.run(), ATTN_MISSING_TENSOR);
  EXPECT_EQ(call.message(), "fake_core");
  EXPECT_EQ(call.text[10], 'x');
}
