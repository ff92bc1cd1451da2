//===- Checkpoint.cpp - the files of a checkpoint -------------------------===//
//
// See Checkpoint.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/run/Checkpoint.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <fmt/format.h>

using namespace attn;
using namespace llvm;

static Error fail(StringRef path, const std::string &why) {
  return createStringError(fmt::format("{}: {}", std::string_view(path), why));
}

/// The files that an index names, sorted, each once, beside the index.
static Expected<std::vector<std::string>> shardsOf(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path);
  if (!buffer)
    return fail(path, buffer.getError().message());
  Expected<json::Value> index = json::parse((*buffer)->getBuffer());
  if (!index)
    return fail(path, toString(index.takeError()));
  const json::Object *object = index->getAsObject();
  const json::Object *map = object ? object->getObject("weight_map") : nullptr;
  if (!map || map->empty())
    return fail(path, "has no 'weight_map', which names the file of each "
                      "tensor in an index of safetensors files");
  std::vector<std::string> shards;
  for (const auto &[tensor, file] : *map) {
    std::optional<StringRef> name = file.getAsString();
    if (!name || name->empty() || sys::path::has_parent_path(*name))
      return fail(path, fmt::format("weight_map: '{}' is not in a file beside "
                                    "the index",
                                    std::string_view(StringRef(tensor))));
    SmallString<128> shard = sys::path::parent_path(path);
    sys::path::append(shard, *name);
    shards.push_back(shard.str().str());
  }
  llvm::sort(shards);
  shards.erase(llvm::unique(shards), shards.end());
  return shards;
}

Expected<Checkpoint> Checkpoint::open(StringRef path) {
  Checkpoint checkpoint;
  checkpoint.paths = {path.str()};
  if (path.ends_with(".json")) {
    auto shards = shardsOf(path);
    if (!shards)
      return shards.takeError();
    checkpoint.paths = std::move(*shards);
  }
  for (const std::string &file : checkpoint.paths) {
    auto opened = SafetensorsFile::open(file);
    if (!opened)
      return opened.takeError();
    checkpoint.opened.push_back(std::move(*opened));
  }
  return checkpoint;
}

Error Checkpoint::checkOutput(StringRef out, StringRef option) const {
  for (const std::string &path : paths)
    if (sys::fs::equivalent(path, out))
      return createStringError(
          fmt::format("--out '{}' is a file of {}, which the results would "
                      "overwrite; name another",
                      std::string_view(out), std::string_view(option)));
  return Error::success();
}

std::vector<const SafetensorsFile *> Checkpoint::files() const {
  std::vector<const SafetensorsFile *> pointers;
  for (const SafetensorsFile &file : opened)
    pointers.push_back(&file);
  return pointers;
}
