//===- Folder.cpp - The compiled folder on disk ---------------------------===//
//
// All or nothing: the folder is written beside its place and renamed into it.
//
//===----------------------------------------------------------------------===//

#include "compiler/Diagnostics.h"
#include "compiler/KernelLibrary.h"
#include "compiler/artifact/Artifact.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <fmt/format.h>

using namespace attn;
using llvm::StringRef;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

static llvm::LogicalResult refuse(StringRef what, StringRef where,
                                  std::error_code code) {
  reportError(fmt::format("cannot {} '{}': {}", what.str(), where.str(),
                          code.message()));
  return llvm::failure();
}

static llvm::LogicalResult writeFiles(const Artifact &artifact,
                                      StringRef directory) {
  for (const ArtifactFile &file : artifact.files) {
    llvm::SmallString<256> name(directory);
    path::append(name, file.name);
    std::error_code code;
    llvm::raw_fd_ostream stream(name, code);
    if (!code) {
      stream << file.bytes;
      stream.close();
      code = stream.error();
      stream.clear_error();
    }
    if (code)
      return refuse("write", name, code);
  }
  return llvm::success();
}

/// Whether `directory` may be replaced: absent, empty, or ours.
static llvm::LogicalResult checkPlace(StringRef directory) {
  fs::file_status status;
  if (fs::status(directory, status) || !fs::exists(status))
    return llvm::success();
  if (!fs::is_directory(status)) {
    reportError(
        fmt::format("output '{}' exists and is not a folder", directory.str()));
    return llvm::failure();
  }
  std::error_code code;
  fs::directory_iterator first(directory, code);
  if (code)
    return refuse("read the folder", directory, code);
  if (first == fs::directory_iterator() || findManifest(directory))
    return llvm::success();
  reportError(fmt::format("output folder '{}' is not empty and holds no "
                          "manifest of attnc; choose another, or remove it",
                          directory.str()));
  return llvm::failure();
}

/// Puts `from` where `to` stands; what stood there goes to `aside` meanwhile.
static std::error_code replaceFolder(StringRef from, StringRef to,
                                     StringRef aside) {
  if (!fs::exists(to))
    return fs::rename(from, to);
  if (std::error_code code = fs::rename(to, aside))
    return code;
  if (std::error_code code = fs::rename(from, to)) {
    (void)fs::rename(aside, to);
    return code;
  }
  return fs::remove_directories(aside);
}

llvm::LogicalResult attn::writeFolder(const Artifact &artifact,
                                      StringRef output) {
  llvm::SmallString<256> directory(output);
  path::remove_dots(directory, /*remove_dot_dot=*/false);
  while (directory.size() > 1 && path::is_separator(directory.back()))
    directory.pop_back();
  llvm::SmallString<256> current;
  if (directory.empty() ||
      (!fs::current_path(current) && fs::equivalent(directory, current))) {
    reportError(fmt::format("output '{}' is the current folder, which cannot "
                            "be replaced; name another",
                            output.str()));
    return llvm::failure();
  }
  if (failed(checkPlace(directory)))
    return llvm::failure();

  StringRef parent = path::parent_path(directory);
  if (!parent.empty() && !fs::is_directory(parent)) {
    reportError(fmt::format("cannot write '{}': there is no folder '{}'",
                            directory.str().str(), parent.str()));
    return llvm::failure();
  }
  llvm::SmallString<256> model(directory), fresh, aside;
  model += ".%%%%%%%%.tmp";
  fs::createUniquePath(model, fresh, /*MakeAbsolute=*/false);
  fs::createUniquePath(model, aside, /*MakeAbsolute=*/false);
  if (std::error_code code = fs::create_directory(fresh, false, fs::all_all))
    return refuse("write", directory, code);
  llvm::LogicalResult written = writeFiles(artifact, fresh);
  if (succeeded(written))
    if (std::error_code code = replaceFolder(fresh, directory, aside))
      written = refuse("write", directory, code);
  if (failed(written))
    (void)fs::remove_directories(fresh);
  return written;
}
