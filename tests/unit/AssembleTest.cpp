//===- AssembleTest.cpp - Files of a folder, without code generation ------===//
//
// A kernel of one program, written in LLVM IR, stands for generated code: it
// stores 42 + its task number in the output.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/Assemble.h"

#include "compiler/KernelLibrary.h"
#include "compiler/artifact/EmitObject.h"
#include "runtime/attn_rt.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/SourceMgr.h"

#include <gtest/gtest.h>

using namespace attn;
using namespace attn::artifact;

/// The output is view 4.
static const std::string kGenerated = R"(
define hidden void @k_core_prefill_grid(ptr %frame, ptr %tasks) {
  %views = load ptr, ptr %frame
  %batches = getelementptr i64, ptr %views, i64 1
  %count = load i64, ptr %batches
  store i64 %count, ptr %tasks
  ret void
}
define hidden void @k_core_prefill_phase0(ptr %frame, ptr %scratch, i64 %task) {
  %views = load ptr, ptr %frame
  %output = getelementptr i8, ptr %views, i64 )" +
                                      std::to_string(4 * sizeof(attn_rt_view)) +
                                      R"(
  %data = load ptr, ptr %output
  %constants_at = getelementptr ptr, ptr %frame, i64 1
  %constants = load ptr, ptr %constants_at
  %constant = load float, ptr %constants
  %number = sitofp i64 %task to float
  %value = fadd float %constant, %number
  %place = getelementptr float, ptr %data, i64 %task
  store float %value, ptr %place
  ret void
}
)";

static std::string compileIr(const std::string &triple) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  auto module = llvm::parseAssemblyString(kGenerated, diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str();
  llvm::cantFail(setTarget(*module, triple));
  return llvm::cantFail(emitObject(*module));
}

static cpu::CpuKernel kernelFor(const cpu::CpuTargetFacts &target) {
  cpu::CpuKernel kernel;
  kernel.name = "k_core";
  kernel.target = target;
  kernel.programs = {
      {"prefill", "k_core_prefill", INT64_MAX, 1, {}, 64, 0, 4, 1024, 32, {}}};
  kernel.parameters = {{"scale", true}};
  kernel.constants = {0x42280000}; // 42.0f
  kernel.layerRows = {{0, 0}, {1, 0}};
  return kernel;
}

/// One head of size 1: query, key, value, output [B, S, 1, 1].
static LibraryDescription describe(std::vector<cpu::CpuTargetFacts> targets) {
  LibraryDescription library;
  library.name = "k";
  library.targets = std::move(targets);
  KernelDescription kernel;
  kernel.symbol = "k_core";
  kernel.scope = "core";
  for (auto [name, length] : {std::pair("query", "query_length"),
                              {"key", "kv_capacity"},
                              {"value", "kv_capacity"},
                              {"padding", "kv_capacity"},
                              {"output", "query_length"}})
    kernel.tensors.push_back(
        {name,
         name,
         ElementType::F32,
         {{"batch", -1}, {length, -1}, {"heads", 1}, {"dim", 1}},
         std::string(name) == "output",
         std::string(name) == "padding"});
  for (const cpu::CpuTargetFacts &target : library.targets) {
    kernel.targets.push_back(kernelFor(target));
    library.code.push_back(compileIr(target.triple));
  }
  library.kernels.push_back(kernel);
  library.layers = {{0, {0}}, {1, {0}}, {2, {}, "alibi"}};
  library.declaredIr = "module @k {}\n";
  return library;
}

static const cpu::CpuTargetFacts kBaseline = {
    "baseline", "x86_64-unknown-linux-gnu", "x86-64", {"+sse2"}};
static const cpu::CpuTargetFacts kFuture = {
    "future", "x86_64-unknown-linux-gnu", "x86-64", {"+avx512fp16", "+avx2"}};
static const cpu::CpuTargetFacts kArm = {
    "aarch64", "aarch64-unknown-linux-gnu", "generic", {"+neon"}};

static const llvm::Triple kHost("x86_64-unknown-linux-gnu");
static const llvm::Triple kArmHost("aarch64-unknown-linux-gnu");

static std::vector<std::string> namesOf(const Artifact &artifact) {
  std::vector<std::string> names;
  for (const ArtifactFile &file : artifact.files)
    names.push_back(file.name);
  return names;
}

TEST(AssembleTest, WritesTheDocumentedFiles) {
  Artifact artifact = llvm::cantFail(assemble(describe({kBaseline}), kHost));
  EXPECT_EQ(namesOf(artifact),
            (std::vector<std::string>{"k.baseline.o", "k.h", "k.json", "libk.a",
                                      "libk.so"}));
}

TEST(AssembleTest, ForeignArchitecturesGetNoSharedLibrary) {
  Artifact artifact = llvm::cantFail(assemble(describe({kArm}), kHost));
  EXPECT_EQ(namesOf(artifact), (std::vector<std::string>{"k.aarch64.o", "k.h",
                                                         "k.json", "libk.a"}));
  artifact = llvm::cantFail(assemble(describe({kBaseline, kArm}), kHost));
  EXPECT_EQ(
      namesOf(artifact),
      (std::vector<std::string>{"k.aarch64.o", "k.baseline.o", "k.h", "k.json",
                                "libk.a", "libk.aarch64.a", "libk.so"}));
}

TEST(AssembleTest, FirstTargetNamesTheArchive) {
  Artifact artifact =
      llvm::cantFail(assemble(describe({kArm, kBaseline}), kHost));
  EXPECT_EQ(namesOf(artifact),
            (std::vector<std::string>{"k.aarch64.o", "k.baseline.o", "k.h",
                                      "k.json", "libk.a", "libk.x86_64.a"}));
}

TEST(AssembleTest, EveryHostGivesEqualBytes) {
  for (const std::vector<cpu::CpuTargetFacts> &targets :
       {std::vector{kBaseline, kFuture}, {kArm}, {kBaseline, kArm}}) {
    Artifact here = llvm::cantFail(assemble(describe(targets), kHost));
    Artifact there = llvm::cantFail(assemble(describe(targets), kArmHost));
    EXPECT_NE(namesOf(here), namesOf(there)) << "the shared library is one's";
    for (const ArtifactFile &file : here.files) {
      auto other = llvm::find_if(there.files, [&](const ArtifactFile &f) {
        return f.name == file.name;
      });
      if (other == there.files.end())
        EXPECT_EQ(file.name, "libk.so");
      else
        EXPECT_TRUE(file.bytes == other->bytes) << file.name;
    }
  }
}

TEST(AssembleTest, EqualInputsGiveEqualBytes) {
  Artifact first =
      llvm::cantFail(assemble(describe({kBaseline, kFuture}), kHost));
  Artifact second =
      llvm::cantFail(assemble(describe({kBaseline, kFuture}), kHost));
  ASSERT_EQ(namesOf(first), namesOf(second));
  for (size_t i = 0; i < first.files.size(); ++i)
    EXPECT_TRUE(first.files[i].bytes == second.files[i].bytes)
        << first.files[i].name;
}

TEST(AssembleTest, RefusesFeaturesThatCannotBeChecked) {
  cpu::CpuTargetFacts odd = kBaseline;
  odd.features = {"+warp-drive"};
  llvm::Expected<Artifact> artifact = assemble(describe({odd}), kHost);
  ASSERT_FALSE(artifact);
  EXPECT_EQ(llvm::toString(artifact.takeError()),
            "target 'baseline' uses the CPU feature 'warp-drive', which the "
            "runtime cannot check");
}

namespace {
/// A folder that goes with its contents.
struct TemporaryFolder {
  TemporaryFolder() {
    llvm::sys::fs::createUniqueDirectory("attnc-test", path);
  }
  ~TemporaryFolder() { llvm::sys::fs::remove_directories(path); }
  std::string operator/(const char *name) const {
    return path.str().str() + "/" + name;
  }
  llvm::SmallString<64> path;
};

/// A [batch, 1, 1, 1] tensor of f32.
struct Column {
  explicit Column(int64_t batch) : elements(batch, -1.0f) { shape[0] = batch; }
  int64_t shape[4] = {0, 1, 1, 1};
  std::vector<float> elements;
  DLTensor tensor = {elements.data(), {kDLCPU, 0}, 4, {kDLFloat, 32, 1},
                     shape,           nullptr,     0};
};
} // namespace

TEST(AssembleTest, WrittenLibraryRunsThroughItsAbi) {
  TemporaryFolder folder;
  std::string directory = folder / "out";
  Artifact artifact =
      llvm::cantFail(assemble(describe({kFuture, kBaseline}), kHost));
  ASSERT_TRUE(succeeded(writeFolder(artifact, directory)));
  auto library = llvm::cantFail(KernelLibrary::open(directory));
  EXPECT_EQ(library->declaredIr(), "module @k {}\n");
  ASSERT_EQ(library->layers().size(), 3u);
  EXPECT_TRUE(library->layers()[2].kernels.empty());
  const LibraryKernel *kernel = library->find("k_core_prefill");
  ASSERT_TRUE(kernel);

  Column query(3), key(3), value(3), output(3);
  attn_context context = ATTN_CONTEXT_INIT;
  alignas(64) char workspace[4096];
  char text[256] = {};
  context.workspace = workspace;
  context.workspace_bytes = sizeof(workspace);
  context.text = text;
  context.text_bytes = sizeof(text);
  KernelArgs args(
      1, {&query.tensor, &key.tensor, &value.tensor, nullptr, &output.tensor});
  ASSERT_EQ(kernel->run(args.data(), &context), ATTN_OK) << text;
  EXPECT_EQ(output.elements, (std::vector<float>{42, 43, 44}));

  attn_plan plan;
  ASSERT_EQ(kernel->plan(args.data(), &context, &plan), ATTN_OK) << text;
  EXPECT_EQ(plan.tasks[0], 3);
  context.target = "none";
  EXPECT_EQ(kernel->run(args.data(), &context), ATTN_BAD_TARGET);
  KernelArgs refused(
      2, {&query.tensor, &key.tensor, &value.tensor, nullptr, &output.tensor});
  context.target = nullptr;
  EXPECT_EQ(kernel->run(refused.data(), &context), ATTN_BAD_LAYER);
}

TEST(AssembleTest, FolderOfOursIsReplacedAndNoOther) {
  TemporaryFolder folder;
  std::string directory = folder / "out", alien = directory + "/notes.txt";
  Artifact artifact = llvm::cantFail(assemble(describe({kBaseline}), kHost));
  ASSERT_TRUE(succeeded(writeFolder(artifact, directory)));
  ASSERT_TRUE(succeeded(writeFolder(artifact, directory + "/")));
  for (const ArtifactFile &file : artifact.files)
    EXPECT_TRUE(llvm::sys::fs::exists(directory + "/" + file.name));
  llvm::sys::fs::remove(directory + "/k.json");
  testing::internal::CaptureStderr();
  EXPECT_TRUE(failed(writeFolder(artifact, directory)));
  EXPECT_NE(testing::internal::GetCapturedStderr().find(
                "is not empty and holds no manifest of attnc"),
            std::string::npos);
  EXPECT_FALSE(llvm::sys::fs::exists(directory + "/k.json"));
}

TEST(AssembleTest, UnwritablePlaceLeavesNothing) {
  TemporaryFolder folder;
  Artifact artifact = llvm::cantFail(assemble(describe({kBaseline}), kHost));
  testing::internal::CaptureStderr();
  artifact.files.push_back({"none/file", ""});
  EXPECT_TRUE(failed(writeFolder(artifact, folder / "none/out")));
  EXPECT_NE(testing::internal::GetCapturedStderr().find("cannot write"),
            std::string::npos);
  EXPECT_FALSE(llvm::sys::fs::exists(folder / "none"));
}
