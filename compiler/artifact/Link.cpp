//===- Link.cpp - Objects, archives and shared libraries ------------------===//
//
// lld reads and writes files only: they live in a private temporary folder,
// whose name reaches no output.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/Link.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ObjCopy/CommonConfig.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <memory>

LLD_HAS_DRIVER(elf)

using namespace attn;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// llvm-objcopy
//===----------------------------------------------------------------------===//

static llvm::Expected<std::string>
objcopy(StringRef object, const llvm::objcopy::ConfigManager &config) {
  auto buffer = llvm::MemoryBufferRef(object, "object");
  auto binary = llvm::object::ObjectFile::createObjectFile(buffer);
  if (!binary)
    return binary.takeError();
  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  if (llvm::Error error =
          llvm::objcopy::executeObjcopyOnBinary(config, **binary, stream))
    return error;
  return bytes.str().str();
}

llvm::Expected<std::string> artifact::renameSymbols(
    StringRef object,
    llvm::ArrayRef<std::pair<std::string, std::string>> names) {
  llvm::objcopy::ConfigManager config;
  for (const auto &[from, to] : names)
    config.Common.SymbolsToRename[from] = to;
  return objcopy(object, config);
}

/// Makes every defined symbol but `exports` local.
static llvm::Expected<std::string>
localise(StringRef object, llvm::ArrayRef<std::string> exports) {
  llvm::objcopy::ConfigManager config;
  for (const std::string &name : exports) {
    auto matcher = llvm::objcopy::NameOrPattern::create(
        name, llvm::objcopy::MatchStyle::Literal,
        [](llvm::Error error) { return error; });
    if (!matcher)
      return matcher.takeError();
    if (llvm::Error error =
            config.Common.SymbolsToKeepGlobal.addMatcher(std::move(matcher)))
      return error;
  }
  return objcopy(object, config);
}

//===----------------------------------------------------------------------===//
// lld
//===----------------------------------------------------------------------===//

namespace {
/// A folder of our own that goes with its contents.
class ScratchFolder {
public:
  static llvm::Expected<std::unique_ptr<ScratchFolder>> create() {
    auto folder = std::make_unique<ScratchFolder>();
    if (std::error_code code =
            llvm::sys::fs::createUniqueDirectory("attnc", folder->path))
      return llvm::createStringError(code, "cannot make a temporary folder: " +
                                               code.message());
    return folder;
  }
  ~ScratchFolder() {
    if (!path.empty())
      llvm::sys::fs::remove_directories(path);
  }

  std::string file(StringRef name) const {
    llvm::SmallString<128> result(path);
    llvm::sys::path::append(result, name);
    return result.str().str();
  }

private:
  llvm::SmallString<128> path;
};
} // namespace

static llvm::Error writeFile(StringRef path, StringRef bytes) {
  std::error_code code;
  llvm::raw_fd_ostream stream(path, code);
  if (!code) {
    stream << bytes;
    stream.close();
    code = stream.error();
    stream.clear_error();
  }
  if (code)
    return llvm::createStringError(code, "cannot write '%s': %s",
                                   path.str().c_str(), code.message().c_str());
  return llvm::Error::success();
}

/// Runs ld.lld with `options` on `objects` and returns what it wrote.
static llvm::Expected<std::string> runLld(llvm::ArrayRef<StringRef> objects,
                                          llvm::ArrayRef<StringRef> options) {
  auto folder = ScratchFolder::create();
  if (!folder)
    return folder.takeError();
  std::vector<std::string> words = {"ld.lld", "--threads=1", "--build-id=none"};
  for (StringRef option : options)
    words.push_back(option.str());
  for (auto [index, object] : llvm::enumerate(objects)) {
    words.push_back((*folder)->file(std::to_string(index) + ".o"));
    if (llvm::Error error = writeFile(words.back(), object))
      return error;
  }
  std::string output = (*folder)->file("output");
  words.insert(words.end(), {"-o", output});
  std::vector<const char *> arguments;
  for (const std::string &word : words)
    arguments.push_back(word.c_str());

  std::string messages;
  llvm::raw_string_ostream stream(messages);
  lld::Result result =
      lld::lldMain(arguments, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode)
    return llvm::createStringError("the linker failed: " +
                                   StringRef(messages).trim());
  auto bytes = llvm::MemoryBuffer::getFile(output);
  if (!bytes)
    return llvm::createStringError(bytes.getError(),
                                   "the linker left no output: " +
                                       bytes.getError().message());
  return (*bytes)->getBuffer().str();
}

llvm::Expected<std::string>
artifact::linkRelocatable(llvm::ArrayRef<StringRef> objects,
                          llvm::ArrayRef<std::string> exports) {
  llvm::Expected<std::string> linked = runLld(objects, {"-r"});
  return linked ? localise(*linked, exports) : std::move(linked);
}

llvm::Expected<std::string> artifact::linkShared(StringRef object,
                                                 StringRef name) {
  return runLld({object}, {"-shared", "-soname", name, "-z", "now", "-z",
                           "relro", "--hash-style=both"});
}

//===----------------------------------------------------------------------===//
// Archives
//===----------------------------------------------------------------------===//

llvm::Expected<std::string> artifact::writeArchive(
    llvm::ArrayRef<std::pair<std::string, std::string>> objects) {
  llvm::SmallVector<llvm::NewArchiveMember> members;
  for (const auto &[name, object] : objects)
    members.emplace_back(llvm::MemoryBufferRef(object, name));
  auto archive = llvm::writeArchiveToBuffer(
      members, llvm::SymtabWritingMode::NormalSymtab,
      llvm::object::Archive::K_GNU, /*Deterministic=*/true, /*Thin=*/false);
  if (!archive)
    return archive.takeError();
  return (*archive)->getBuffer().str();
}
