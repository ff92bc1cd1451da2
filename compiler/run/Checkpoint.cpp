//===- Checkpoint.cpp - the files of a checkpoint -------------------------===//
//
// See Checkpoint.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/run/Checkpoint.h"

#include "compiler/Files.h"
#include "compiler/import/Json.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <fmt/format.h>
#include <map>

using namespace attn;
using namespace llvm;

/// Paths of files, and the tensors that an index says they hold.
using Shards = std::map<std::string, std::vector<std::string>>;

static Error fail(StringRef path, const std::string &why) {
  return createStringError(fmt::format("{}: {}", std::string_view(path), why));
}

/// The files that an index names, in the order of their names, each with the
/// tensors that should be there. They stand beside the index.
static Expected<Shards> shardsOf(StringRef path) {
  auto buffer = readFile(path);
  if (!buffer)
    return fail(path, toString(buffer.takeError()));
  TextError problem;
  auto document = JsonDocument::parse((*buffer)->getBuffer(), problem);
  if (!document)
    return fail(path, fmt::format("{}:{}: {}", problem.where.line,
                                  problem.where.column, problem.message));
  const json::Object *map = document->root().getObject("weight_map");
  if (!map || map->empty())
    return fail(path, "has no 'weight_map', which names the file of each "
                      "tensor in an index of safetensors files");
  Shards shards;
  for (const auto &[tensor, file] : *map) {
    std::optional<StringRef> name = file.getAsString();
    if (!name || name->empty() || sys::path::has_parent_path(*name))
      return fail(path, fmt::format("weight_map: '{}' is not in a file beside "
                                    "the index",
                                    std::string_view(StringRef(tensor))));
    SmallString<128> shard = sys::path::parent_path(path);
    sys::path::append(shard, *name);
    shards[shard.str().str()].push_back(StringRef(tensor).str());
  }
  return shards;
}

Expected<Checkpoint> Checkpoint::open(StringRef path) {
  Checkpoint checkpoint;
  checkpoint.paths = {path.str()};
  Shards shards = {{path.str(), {}}};
  if (path.ends_with(".json")) {
    auto named = shardsOf(path);
    if (!named)
      return named.takeError();
    shards = std::move(*named);
  }
  for (const auto &[file, tensors] : shards) {
    auto opened = SafetensorsFile::open(file);
    if (!opened)
      return opened.takeError();
    for (const std::string &tensor : tensors)
      if (!opened->find(tensor))
        return fail(path,
                    fmt::format("weight_map: '{}' is not in {}", tensor, file));
    checkpoint.paths.push_back(file);
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
