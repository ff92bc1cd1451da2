//===- Binding.cpp - Tensors of files as arguments of a kernel ------------===//
//
// Checks come before the call, so that messages speak of tensors by name; what
// is left to the runtime (lengths, for one) it reports itself.
//
//===----------------------------------------------------------------------===//

#include "compiler/run/Binding.h"

#include "compiler/run/LayerCall.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"

#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <limits>

using namespace attn;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;

/// `name` is that of a file where it has one for the tensor.
static Error fail(StringRef name, const std::string &message) {
  return llvm::createStringError(
      fmt::format("tensor '{}': {}", std::string_view(name), message));
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

namespace {
struct TypeRow {
  StringRef manifest, stored;
  DLDataType type;
};
} // namespace

/// How the manifest's type is stored in files and called; null: not a type
/// that this version runs.
static const TypeRow *findType(StringRef manifest) {
  static constexpr TypeRow rows[] = {
      {"f32", "F32", {kDLFloat, 32, 1}},    {"f16", "F16", {kDLFloat, 16, 1}},
      {"bf16", "BF16", {kDLBfloat, 16, 1}}, {"i32", "I32", {kDLInt, 32, 1}},
      {"i64", "I64", {kDLInt, 64, 1}},      {"bool", "BOOL", {kDLBool, 8, 1}},
      {"u8", "U8", {kDLUInt, 8, 1}},
  };
  for (const TypeRow &row : rows)
    if (row.manifest == manifest)
      return &row;
  return nullptr;
}

StoredType attn::storedTypeOf(StringRef manifest) {
  const TypeRow *row = findType(manifest);
  return row ? StoredType{row->stored, uint64_t(row->type.bits / 8)}
             : StoredType{"no known type", 1};
}

/// Copies `stored` into `bound`. Lengths and positions may be int64 in files.
static Error copyBytes(const StoredTensor &stored, const TypeRow &type,
                       BoundTensor &bound) {
  if (stored.dtype == type.stored) {
    std::memcpy(bound.bytes.get(), stored.bytes.data(), stored.bytes.size());
    return Error::success();
  }
  for (size_t index = 0; index < stored.bytes.size() / 8; ++index) {
    int64_t wide;
    std::memcpy(&wide, stored.bytes.data() + index * 8, 8);
    auto narrow = int32_t(wide);
    if (narrow != wide)
      return fail(stored.name,
                  fmt::format("element {} is {}, which int32 cannot hold",
                              index, wide));
    std::memcpy(bound.bytes.get() + index * 4, &narrow, 4);
  }
  return Error::success();
}

static bool canHold(const TypeRow &type, StringRef stored) {
  return stored == type.stored || (type.manifest == "i32" && stored == "I64");
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

/// "[batch 2, query_length, 32, 128]": what is expected, with the symbols that
/// other tensors have fixed. A mask may have less: "[batch 2 or 1, ...]".
static std::string spellShape(const LibraryTensor &declared,
                              const llvm::StringMap<int64_t> &extents) {
  llvm::SmallVector<std::string> parts;
  for (const std::string &extent : declared.shape) {
    auto known = extents.find(extent);
    parts.push_back(known == extents.end()
                        ? extent
                        : fmt::format("{} {}", extent, known->second));
    if (declared.mask)
      parts.back() +=
          parts.size() < declared.shape.size() ? " or 1" : " or more";
  }
  return fmt::format("[{}]", fmt::join(parts, ", "));
}

/// Checks `shape` against the manifest and learns the symbols that are new.
static bool matchShape(const LibraryTensor &declared,
                       llvm::ArrayRef<int64_t> shape,
                       llvm::StringMap<int64_t> &extents) {
  if (shape.size() != declared.shape.size())
    return false;
  for (auto [extent, size] : llvm::zip_equal(declared.shape, shape)) {
    int64_t expected;
    if (StringRef(extent).getAsInteger(10, expected)) {
      auto [known, isNew] = extents.try_emplace(extent, size);
      expected = known->second;
    }
    if (expected != size)
      return false;
  }
  return true;
}

/// The same of a mask, which may have 1 for each extent but the last; whether
/// that holds the call's keys is the kernel's to check.
static bool matchMask(const LibraryTensor &declared,
                      llvm::ArrayRef<int64_t> shape,
                      const llvm::StringMap<int64_t> &extents) {
  if (shape.size() != declared.shape.size())
    return false;
  return llvm::all_of(
      llvm::zip(llvm::ArrayRef(declared.shape).drop_back(), shape.drop_back()),
      [&](auto pair) {
        auto [extent, size] = pair;
        int64_t expected;
        if (StringRef(extent).getAsInteger(10, expected))
          expected = extents.lookup(extent);
        return size == 1 || size == expected;
      });
}

/// Sets the shape of a result from the symbols of the inputs.
static Error sizeResult(BoundTensor &bound,
                        const llvm::StringMap<int64_t> &extents) {
  for (const std::string &extent : bound.declared->shape) {
    int64_t size;
    if (StringRef(extent).getAsInteger(10, size)) {
      auto known = extents.find(extent);
      if (known == extents.end())
        return fail(bound.declared->name,
                    fmt::format("no input tells what '{}' is", extent));
      size = known->second;
    }
    bound.shape.push_back(size);
  }
  return Error::success();
}

/// Makes room for `bound` and describes it as DLPack does.
static Error allocate(BoundTensor &bound, const TypeRow &type) {
  int64_t size = type.type.bits / 8;
  bool overflows = false;
  for (int64_t extent : bound.shape)
    overflows |= llvm::MulOverflow(size, extent, size);
  if (llvm::is_contained(bound.shape, 0))
    size = 0;
  else if (overflows)
    size = std::numeric_limits<int64_t>::max();
  bound.size = uint64_t(size);
  bound.bytes = allocateAligned(bound.size);
  if (!bound.bytes)
    return fail(bound.declared->name,
                fmt::format("no memory for {}", bound.shape));
  bound.tensor = {bound.bytes.get(),           {kDLCPU, 0},
                  int32_t(bound.shape.size()), type.type,
                  bound.shape.data(),
                  /*strides=*/nullptr,         /*byte_offset=*/0};
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Binding
//===----------------------------------------------------------------------===//

static Error bindInput(BoundTensor &bound, const StoredTensor &stored,
                       llvm::StringMap<int64_t> &extents) {
  const LibraryTensor &declared = *bound.declared;
  const TypeRow *type = findType(declared.type);
  if (!type)
    return fail(declared.name,
                fmt::format("type {} cannot be run", declared.type));
  llvm::StringMap<int64_t> before = extents;
  bool fits = canHold(*type, stored.dtype) &&
              (declared.mask ? matchMask(declared, stored.shape, extents)
                             : matchShape(declared, stored.shape, extents));
  if (!fits)
    return fail(stored.name,
                fmt::format("is {}, expected {}{} {}", stored.describe(),
                            std::string_view(type->stored),
                            canHold(*type, "I64") ? " or I64" : "",
                            spellShape(declared, before)));
  bound.shape = stored.shape;
  if (Error error = allocate(bound, *type))
    return error;
  return copyBytes(stored, *type, bound);
}

/// Binds the input `declared`, which may be absent if it is optional.
static Error bindDeclared(const LibraryKernel &kernel,
                          const LibraryTensor &declared,
                          const CallTensors &tensors, BoundCall &call,
                          std::unique_ptr<BoundTensor> &bound) {
  Expected<const StoredTensor *> stored = tensors.find(declared.name);
  if (!stored)
    return stored.takeError();
  if (!*stored && declared.optional)
    return Error::success();
  if (!*stored)
    return llvm::createStringError(fmt::format(
        "no tensor '{}'{}, which kernel '{}' needs as {}", declared.name,
        kernel.isWeight(declared.name) ? tensors.ofLayer() : "", kernel.symbol,
        spellShape(declared, call.extents)));
  bound = std::make_unique<BoundTensor>();
  bound->declared = &declared;
  return bindInput(*bound, **stored, call.extents);
}

Expected<const StoredTensor *> attn::findPacked(const LibraryKernel &kernel,
                                                const CallTensors &tensors) {
  if (kernel.weights.empty())
    return nullptr;
  return tensors.find(kernel.packedWeights.name);
}

Expected<BoundCall> attn::bindWeights(const LibraryKernel &kernel,
                                      const CallTensors &tensors) {
  BoundCall call;
  for (const LibraryTensor &declared : kernel.tensors) {
    std::unique_ptr<BoundTensor> &bound = call.tensors.emplace_back();
    if (!kernel.isWeight(declared.name))
      continue;
    if (Error error = bindDeclared(kernel, declared, tensors, call, bound))
      return std::move(error);
  }
  return call;
}

Expected<BoundCall> attn::bindTensors(const LibraryKernel &kernel,
                                      const CallTensors &tensors) {
  BoundCall call;
  Expected<const StoredTensor *> packed = findPacked(kernel, tensors);
  if (!packed)
    return packed.takeError();
  if (*packed)
    if (Error error = bindDeclared(kernel, kernel.packedWeights, tensors, call,
                                   call.packedWeights))
      return std::move(error);
  for (const LibraryTensor &declared : kernel.tensors) {
    std::unique_ptr<BoundTensor> &bound = call.tensors.emplace_back();
    if (declared.output) {
      bound = std::make_unique<BoundTensor>();
      bound->declared = &declared;
    } else if (!*packed || !kernel.isWeight(declared.name)) {
      if (Error error = bindDeclared(kernel, declared, tensors, call, bound))
        return std::move(error);
    }
  }
  for (std::unique_ptr<BoundTensor> &bound : call.tensors) {
    if (!bound || !bound->declared->output)
      continue;
    const TypeRow *type = findType(bound->declared->type);
    if (!type)
      return fail(bound->declared->name,
                  fmt::format("type {} cannot be run", bound->declared->type));
    if (Error error = sizeResult(*bound, call.extents))
      return std::move(error);
    if (Error error = allocate(*bound, *type))
      return std::move(error);
  }
  return call;
}

/// Names that files may leave out: in a call of a layer also what follows from
/// other tensors.
static std::vector<std::string> optionalNames(const LibraryKernel &kernel) {
  std::vector<std::string> names;
  for (const LibraryTensor &declared : kernel.tensors) {
    bool follows =
        declared.name == "kv_lengths" || declared.name == "position_ids";
    if (declared.output)
      continue;
    if (kernel.takesCaches() && declared.updated)
      names.push_back(pastName(declared.name));
    else if (declared.optional || (kernel.takesCaches() && follows))
      names.push_back(declared.name);
  }
  return names;
}

/// Whether `name` is almost `meant`, or what it is called after a call.
static bool isAlmost(StringRef name, StringRef meant) {
  constexpr unsigned farthest = 2;
  if (name.consume_front("present_"))
    return meant.consume_front("past_") && name == meant;
  return name.edit_distance(meant, /*AllowReplacements=*/true, farthest) <=
         farthest;
}

std::vector<std::string> attn::findMisspelt(const LibraryKernel &kernel,
                                            const CallTensors &tensors) {
  llvm::StringSet<> taken;
  taken.insert(kernel.packedWeights.name);
  for (const LibraryTensor &declared : kernel.tensors)
    if (!declared.output)
      taken.insert(declared.name);
  llvm::StringSet<> given;
  for (const StoredTensor *stored : tensors.stored())
    given.insert(stored->name);
  std::vector<std::string> open = optionalNames(kernel), warnings;
  taken.insert_range(open);
  llvm::erase_if(open,
                 [&](const std::string &name) { return given.contains(name); });
  for (const StoredTensor *stored : tensors.stored()) {
    auto meant = llvm::find_if(open, [&](const std::string &name) {
      return isAlmost(stored->name, name);
    });
    if (meant != open.end() && !taken.contains(stored->name))
      warnings.push_back(
          fmt::format("tensor '{}' is ignored; did you mean '{}', which is "
                      "optional and not given?",
                      stored->name, *meant));
  }
  return warnings;
}

llvm::SmallVector<const DLTensor *> BoundCall::arguments() const {
  llvm::SmallVector<const DLTensor *> pointers;
  for (const std::unique_ptr<BoundTensor> &bound : tensors)
    pointers.push_back(bound ? &bound->tensor : nullptr);
  return pointers;
}

std::vector<StoredTensor>
BoundCall::results(const LibraryKernel &kernel) const {
  std::vector<StoredTensor> stored;
  for (const std::unique_ptr<BoundTensor> &bound : tensors) {
    if (!bound || !(bound->declared->output || bound->declared->updated))
      continue;
    std::string name = bound->declared->name;
    if (bound->declared->updated && kernel.scope != "graph")
      name = presentName(name);
    stored.push_back({std::move(name),
                      findType(bound->declared->type)->stored.str(),
                      bound->shape,
                      {bound->bytes.get(), size_t(bound->size)}});
  }
  return stored;
}

Error attn::packWeights(const LibraryKernel &kernel, int64_t layerIndex,
                        BoundCall &call) {
  auto packed = std::make_unique<BoundTensor>();
  packed->declared = &kernel.packedWeights;
  if (Error error = sizeResult(*packed, call.extents))
    return error;
  if (Error error = allocate(*packed, *findType("u8")))
    return error;
  char text[512] = "";
  attn_context context = ATTN_CONTEXT_INIT;
  context.text = text;
  context.text_bytes = sizeof(text);
  KernelArgs args(layerIndex, call.arguments());
  if (kernel.packWeights(args.data(), &packed->tensor, &context) != ATTN_OK)
    return llvm::createStringError(std::string(text));
  for (std::unique_ptr<BoundTensor> &bound : call.tensors)
    if (bound && kernel.isWeight(bound->declared->name))
      bound = nullptr;
  call.packedWeights = std::move(packed);
  return Error::success();
}
