//===- KernelLibraryTest.cpp - Folders that are none ----------------------===//
//
// A damaged folder is one message that names what is wrong with it.
//
//===----------------------------------------------------------------------===//

#include "compiler/KernelLibrary.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

using namespace attn;

namespace {
/// A folder with one manifest of the given text.
struct ManifestFolder {
  explicit ManifestFolder(llvm::StringRef manifest) {
    llvm::sys::fs::createUniqueDirectory("attnc-test", path);
    std::error_code code;
    llvm::raw_fd_ostream stream(path.str().str() + "/k.json", code);
    stream << manifest;
  }
  ~ManifestFolder() { llvm::sys::fs::remove_directories(path); }
  llvm::SmallString<64> path;
};
} // namespace

/// The message of opening a folder with that manifest, after its name.
static std::string messageFor(llvm::StringRef manifest) {
  ManifestFolder folder(manifest);
  auto library = KernelLibrary::open(folder.path);
  EXPECT_FALSE(library);
  std::string message = llvm::toString(library.takeError());
  std::string name = folder.path.str().str();
  for (size_t at; (at = message.find(name)) != std::string::npos;)
    message.replace(at, name.size(), "DIR");
  return message;
}

TEST(KernelLibraryTest, RefusesWhatIsNoCompiledFolder) {
  std::string none =
      "'DIR' is not a folder that attnc has compiled: it holds no manifest";
  EXPECT_EQ(messageFor(""), none);
  EXPECT_EQ(messageFor("[1, 2]"), none);
  EXPECT_EQ(messageFor(R"({"kernels": []})"), none);
  EXPECT_EQ(messageFor(std::string(100000, '[')), none);
}

TEST(KernelLibraryTest, NamesWhatTheManifestLacks) {
  EXPECT_EQ(messageFor(R"({"schema": 2, "kernels": []})"),
            "DIR/k.json: the manifest's schema is not 1");
  EXPECT_EQ(messageFor(R"({"schema": 1, "kernels": []})"),
            "DIR/k.json: the manifest lacks one of 'name', 'declared_ir', "
            "'kernels' and 'layers'");
  EXPECT_EQ(messageFor(R"({"schema": 1, "name": "k", "declared_ir": "",
                           "layers": [], "kernels": [{"symbol": "k_core"}]})"),
            "DIR/k.json: kernel 0 has no valid 'scope'");
}

TEST(KernelLibraryTest, RefusesMissingLibrary) {
  std::string message = messageFor(R"({"schema": 1, "name": "k",
      "declared_ir": "", "layers": [], "kernels": []})");
  EXPECT_EQ(message.rfind("cannot load 'DIR/libk.so': ", 0), 0u) << message;
}

TEST(KernelLibraryTest, ArgsHoldHeadAndTensors) {
  DLTensor tensor = {}, offsets = {}, packed = {};
  attn_rt_tail tail = {};
  tail.q_indptr = &offsets;
  tail.packed_weights = &packed;
  KernelArgs args(3, {&tensor, nullptr}, 1, tail);
  const auto *head = static_cast<const uint32_t *>(args.data());
  EXPECT_EQ(head[0], 16u + 8 * (2 + 3 + 7));
  EXPECT_EQ(head[1], ATTN_ABI_VERSION);
  EXPECT_EQ(head[2], 3u);
  EXPECT_EQ(head[3], 1u);
  const auto *tensors = reinterpret_cast<const DLTensor *const *>(head + 4);
  EXPECT_EQ(tensors[0], &tensor);
  EXPECT_EQ(tensors[1], nullptr);
  // No scales of quantised caches, then what a serving engine has.
  for (int i = 2; i < 5; ++i)
    EXPECT_EQ(tensors[i], nullptr);
  EXPECT_EQ(tensors[5], &offsets);
  EXPECT_EQ(tensors[6], nullptr);
  EXPECT_EQ(tensors[9], &packed);
}
