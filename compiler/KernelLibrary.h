//===- KernelLibrary.h - A compiled folder, loaded --------------*- C++ -*-===//
//
// Opens DIR/libNAME.so and DIR/NAME.json and calls kernels through the public
// ABI alone, as an engine does.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_KERNELLIBRARY_H
#define COMPILER_KERNELLIBRARY_H

#include "runtime/attn_rt_tail.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace attn {

class JsonDocument;

/// One tensor of a kernel's arguments.
struct LibraryTensor {
  std::string name;
  /// "f32", "i32", ...
  std::string type;
  /// Extents as the manifest writes them: a number, or the name of a symbol.
  std::vector<std::string> shape;
  bool output = false;
  bool optional = false;
  /// An input that the call writes in place.
  bool updated = false;
  /// A mask: every extent but the last may be 1, and that may be larger.
  bool mask = false;
  /// What extents count, a number or not: "batch", "" for what has no name.
  std::vector<std::string> axes = {};
};

/// One entry of the library, on one target.
struct LibraryKernel {
  std::string symbol, scope, phase, target;
  /// 0 in a graph that is not one attention.
  int64_t queryHeads = 0, kvHeads = 0, headDim = 0, valueDim = 0;
  std::vector<LibraryTensor> tensors;
  /// Query rows of a sequence that the entry takes; INT64_MAX: any number.
  int64_t maxQueries = 0;

  /// Names of the weights that may be given packed, the function that packs
  /// them, and what they are then: u8 [bytes].
  std::vector<std::string> weights;
  std::string packSymbol;
  LibraryTensor packedWeights = {"packed_weights", "u8", {}};

  bool isWeight(llvm::StringRef name) const;
  bool isAttention() const { return queryHeads > 0; }
  /// Keys and values are one latent that all heads share.
  bool isAbsorbed() const;
  /// A layer's module around attention, or a step of it: what it is called with
  /// has the module's names.
  bool isOfModule() const { return scope == "attend" || scope == "layer"; }
  /// It appends to the caches of a layer.
  bool takesCaches() const;
  /// A step of scope attend: attention of a latent layer, absorbed, or a
  /// product before or behind it.
  bool isStep() const;

  using Run = attn_status (*)(const void *, const attn_context *);
  using Plan = attn_status (*)(const void *, const attn_context *, attn_plan *);
  using Task = attn_status (*)(const void *, const attn_context *, int64_t,
                               int64_t);
  using Workspace = uint64_t (*)(const attn_maxima *);
  using PackWeights = attn_status (*)(const void *, const DLTensor *,
                                      const attn_context *);
  Run run = nullptr, canRun = nullptr;
  Plan plan = nullptr;
  Task task = nullptr;
  Workspace workspace = nullptr;
  PackWeights packWeights = nullptr;
};

/// One target that the folder was compiled for.
struct LibraryTarget {
  std::string name, triple;
};

/// One layer of the model: `index` is what the args carry; `layer` is -1 for
/// a function that declares none.
struct LibraryLayer {
  int64_t index = 0, layer = 0;
  /// Symbols of the kernels that serve it; none if the layer was refused.
  std::vector<std::string> kernels;
};

/// The args structure of any kernel: its head, its tensors in order, the rest.
class KernelArgs {
public:
  KernelArgs(int64_t layer, llvm::ArrayRef<const DLTensor *> tensors,
             uint32_t flags = 0, const attn_rt_tail &tail = {});
  const void *data() const { return words.data(); }

private:
  std::vector<uint64_t> words;
};

class KernelLibrary {
public:
  /// Fails with a message that names the file and what is wrong with it, or
  /// the targets of the folder if this machine runs none of them.
  static llvm::Expected<std::unique_ptr<KernelLibrary>>
  open(llvm::StringRef directory);
  /// What the manifest says; the kernels cannot be called.
  static llvm::Expected<std::unique_ptr<KernelLibrary>>
  describe(llvm::StringRef directory);
  ~KernelLibrary();
  KernelLibrary(const KernelLibrary &) = delete;
  KernelLibrary &operator=(const KernelLibrary &) = delete;

  const std::string &name() const { return libraryName; }
  const std::string &manifestPath() const { return path; }
  /// The declared layers, as they were compiled.
  const std::string &declaredIr() const { return ir; }
  llvm::ArrayRef<LibraryKernel> kernels() const { return kernelList; }
  llvm::ArrayRef<LibraryLayer> layers() const { return layerList; }
  /// The names of the files that the folder was written with.
  llvm::ArrayRef<std::string> files() const { return fileList; }

  /// The kernel of that symbol, null if there is none.
  const LibraryKernel *find(llvm::StringRef symbol) const;
  /// The kernel of `layer` that has that scope, no step of it, and that form
  /// where there are two; null if there is none.
  const LibraryKernel *find(const LibraryLayer &layer, llvm::StringRef scope,
                            bool isAbsorbed = false) const;

private:
  KernelLibrary() = default;
  llvm::Error readManifest(llvm::StringRef path);
  llvm::Error checkArchitecture() const;
  llvm::Error load(llvm::StringRef path);

  void *handle = nullptr;
  std::string path, libraryName, ir;
  std::vector<LibraryTarget> targetList;
  std::vector<LibraryKernel> kernelList;
  std::vector<LibraryLayer> layerList;
  std::vector<std::string> fileList;
};

/// Whether `document` is a manifest of attnc, of whatever schema.
bool isManifest(const JsonDocument &document);

/// The manifest's path in a compiled folder: its only *.json with a schema.
/// None if the folder holds no manifest.
std::optional<std::string> findManifest(llvm::StringRef directory);

} // namespace attn

#endif // COMPILER_KERNELLIBRARY_H
