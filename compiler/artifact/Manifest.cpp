//===- Manifest.cpp - NAME.json -------------------------------------------===//
//
// Written in one fixed order, so that equal libraries have equal manifests.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/Manifest.h"

#include "compiler/artifact/LayerFacts.h"
#include "compiler/artifact/PackedWeights.h"

#include "runtime/attn.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <fmt/format.h>

using namespace attn;
using namespace attn::artifact;
using llvm::json::OStream;

static void writeTarget(OStream &json, const LibraryDescription &library,
                        const cpu::CpuTargetFacts &target) {
  json.attribute("name", target.name);
  json.attribute("triple", target.triple);
  json.attribute("cpu", target.cpu);
  json.attributeArray("features", [&] {
    for (const std::string &feature : target.features)
      json.value(feature);
  });
  json.attribute("object", objectName(library, target));
}

static void writeTensor(OStream &json, const TensorDescription &tensor) {
  json.attribute("name", tensor.name);
  if (tensor.field != tensor.name)
    json.attribute("field", tensor.field);
  json.attribute("role", tensor.output    ? "output"
                         : tensor.updated ? "updated"
                                          : "input");
  json.attribute("optional", tensor.optional);
  // 1 may stand for all extents but the last, which may be larger.
  if (tensor.mask)
    json.attribute("mask", true);
  json.attribute("type", spell(tensor.type));
  json.attributeArray("axes", [&] {
    for (const Dimension &dimension : tensor.shape)
      json.value(dimension.axis);
  });
  json.attributeArray("shape", [&] {
    for (const Dimension &dimension : tensor.shape) {
      if (dimension.isSymbolic())
        json.value(dimension.axis);
      else
        json.value(dimension.extent);
    }
  });
  // Outermost first; "any" is non-negative, and 0 only for inputs.
  json.attributeArray("strides", [&] {
    for (size_t d = 1; d < tensor.shape.size(); ++d)
      json.value("any");
    json.value(1);
  });
}

/// Bytes, and the sizes of the call that they are multiplied by.
static void writeBuffer(OStream &json, const cpu::CpuBuffer &buffer) {
  json.attribute("bytes", buffer.bytes);
  json.attributeArray("times", [&] {
    for (tile::Axis axis : buffer.axes)
      json.value(stringifyAxis(axis));
  });
}

static void writeProgram(OStream &json, const cpu::CpuProgram &program) {
  json.attribute("schedule", program.schedule);
  if (program.maxQueries == INT64_MAX)
    json.attribute("max_queries", nullptr);
  else
    json.attribute("max_queries", program.maxQueries);
  json.attribute("phases", program.phases);
  json.attributeArray("token_phases", [&] {
    for (int64_t phase : program.tokenPhases)
      json.value(phase);
  });
  json.attribute("query_block", program.queryBlock);
  json.attribute("split_keys", program.splitKeys);
  json.attribute("max_splits", program.maxSplits);
  json.attributeObject("workspace", [&] {
    json.attribute("bytes_per_worker", program.scratchBytes);
    json.attribute("bytes_per_state", program.stateBytes);
    if (!program.buffers.empty())
      json.attributeArray("buffers", [&] {
        for (const cpu::CpuBuffer &buffer : program.buffers)
          json.object([&] { writeBuffer(json, buffer); });
      });
  });
}

/// What packs the weights of a kernel, into how many bytes, and which they are.
static void writePacked(OStream &json, const KernelDescription &kernel,
                        const cpu::CpuKernel &compiled) {
  json.attribute("pack", kernel.packSymbol());
  json.attribute("bytes", layOutWeights(kernel, compiled).bytes);
  json.attributeArray("tensors", [&] {
    for (const cpu::CpuWeight &weight : compiled.weights)
      json.value(kernel.tensors[weight.tensor].name);
  });
}

/// One row per entry and target.
static void writeKernel(OStream &json, const KernelDescription &kernel,
                        const EntryDescription &entry,
                        const cpu::CpuKernel &compiled) {
  json.attribute("symbol", entry.symbol);
  json.attribute("scope", kernel.scope);
  json.attribute("phase", entry.phase);
  json.attribute("target", compiled.target.name);
  if (kernel.isAttention) {
    json.attribute("query_heads", kernel.queryHeads);
    json.attribute("kv_heads", kernel.kvHeads);
    json.attribute("head_dim", kernel.headDim);
    json.attribute("value_dim", kernel.valueDim);
  }
  json.attribute("args", kernel.symbol + "_args");
  json.attributeObject("types", [&] {
    for (const TensorDescription &tensor : kernel.tensors)
      json.attribute(tensor.name, spell(tensor.type));
  });
  json.attributeArray("tensors", [&] {
    for (const TensorDescription &tensor : kernel.tensors)
      json.object([&] { writeTensor(json, tensor); });
  });
  json.attributeArray("programs", [&] {
    for (const cpu::CpuProgram &program : compiled.programs)
      if (entry.kinds & kindOf(program.schedule))
        json.object([&] { writeProgram(json, program); });
  });
  if (!compiled.weights.empty())
    json.attributeObject("packed_weights",
                         [&] { writePacked(json, kernel, compiled); });
  if (kernel.isAttention)
    json.attribute("chunk_invariant_keys", kernel.chunkInvariantKeys);
}

/// A limit of the visible keys; null where there is none.
static void writeSide(OStream &json, llvm::StringRef name,
                      std::optional<int64_t> side) {
  if (side)
    json.attribute(name, *side);
  else
    json.attribute(name, nullptr);
}

/// The layer's constants, in the model's own terms.
static void writeConstants(OStream &json, const LayerFacts &facts) {
  // The shortest text of the number: JSON.h writes 17 digits.
  json.attributeBegin("scale");
  json.rawValue(fmt::format("{}", facts.scale));
  json.attributeEnd();
  writeSide(json, "left", facts.left);
  writeSide(json, "right", facts.right);
  writeSide(json, "chunk", facts.chunk);
}

static void writeLayer(OStream &json, const LibraryDescription &library,
                       size_t index) {
  const LayerDescription &layer = library.layers[index];
  json.attribute("index", static_cast<int64_t>(index));
  if (layer.layer == kNoLayer)
    json.attribute("layer", nullptr);
  else
    json.attribute("layer", layer.layer);
  json.attributeArray("kernels", [&] {
    for (int64_t kernel : layer.kernels)
      json.value(library.kernels[kernel].symbol);
  });
  for (int64_t index : layer.kernels) {
    const KernelDescription &kernel = library.kernels[index];
    if (!kernel.isAttention)
      continue;
    json.attributeObject("constants", [&] {
      writeConstants(json, factsOf(kernel, layer.layer));
    });
    break;
  }
  if (layer.pairing.empty())
    json.attribute("pairing", nullptr);
  else
    json.attribute("pairing", layer.pairing);
}

static void writeRefused(OStream &json, const LibraryDescription &library) {
  for (const LayerDescription &layer : library.layers)
    if (layer.kernels.empty())
      json.object([&] {
        json.attribute("layer", layer.layer);
        json.attribute("why", layer.refusal);
      });
}

/// Of which ranks this is one, and which tensors none of them adds.
static void writeRanks(OStream &json, const LibraryDescription &library) {
  json.attribute("size", library.ranks);
  json.attributeArray("left_out", [&] {
    for (const std::string &name : library.leftOut)
      json.value(name);
  });
}

static void writeLibrary(OStream &json, const LibraryDescription &library,
                         llvm::ArrayRef<std::string> files) {
  json.attribute("schema", 1);
  json.attribute("generator", "attnc 0.1.0, LLVM " LLVM_VERSION_STRING);
  json.attribute("name", library.name);
  json.attribute("abi", ATTN_ABI_VERSION);
  json.attributeObject("tp", [&] { writeRanks(json, library); });
  json.attributeArray("files", [&] {
    for (const std::string &file : files)
      json.value(file);
  });
  json.attributeArray("targets", [&] {
    for (const cpu::CpuTargetFacts &target : library.targets)
      json.object([&] { writeTarget(json, library, target); });
  });
  json.attributeArray("kernels", [&] {
    for (const KernelDescription &kernel : library.kernels)
      for (const EntryDescription &entry : entriesOf(kernel))
        for (const cpu::CpuKernel &compiled : kernel.targets)
          json.object([&] { writeKernel(json, kernel, entry, compiled); });
  });
  json.attributeArray("layers", [&] {
    for (size_t index = 0; index < library.layers.size(); ++index)
      json.object([&] { writeLayer(json, library, index); });
  });
  json.attributeArray("refused", [&] { writeRefused(json, library); });
  json.attributeArray("notes", [&] {
    json.value(
        "a row at position p sees the keys j of p - left < j < p + right; "
        "null is no limit");
    if (llvm::any_of(library.kernels, [](const KernelDescription &kernel) {
          return kernel.scope == "core";
        }))
      json.value("kernels of scope core take queries and keys rotated and "
                 "normalised as the model has it");
    if (!library.rank.empty())
      json.value(library.rank);
  });
  json.attribute("declared_ir", library.declaredIr);
}

std::string artifact::writeManifest(const LibraryDescription &library,
                                    llvm::ArrayRef<std::string> files) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  OStream json(stream, /*IndentSize=*/2);
  json.object([&] { writeLibrary(json, library, files); });
  stream << '\n';
  return text;
}
