//===- OutputFolder.cpp - Folders that attnc writes -----------------------===//
//
// All or nothing: the folder is written beside its place and renamed into it.
//
//===----------------------------------------------------------------------===//

#include "compiler/OutputFolder.h"

#include "compiler/Diagnostics.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <filesystem>
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

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

/// `place` without "." and without slashes at the end.
static llvm::SmallString<256> tidy(StringRef place) {
  llvm::SmallString<256> directory(place);
  path::remove_dots(directory, /*remove_dot_dot=*/false);
  while (directory.size() > 1 && path::is_separator(directory.back()))
    directory.pop_back();
  return directory;
}

/// Where `place` leads. A link may lead to what is still to be made, and not
/// for ever.
static llvm::SmallString<256> followLinks(StringRef place) {
  llvm::SmallString<256> directory = tidy(place);
  for (int links = 0; links < 40 && fs::is_symlink_file(directory); ++links) {
    std::error_code code;
    std::string target =
        std::filesystem::read_symlink(directory.str().str(), code).string();
    if (code)
      break;
    llvm::SmallString<256> next;
    if (path::is_relative(target))
      next = path::parent_path(directory);
    path::append(next, target);
    directory = tidy(next);
  }
  return directory;
}

/// The absolute path of `place`, whose end need not be there, without links.
static std::string makeReal(StringRef place) {
  llvm::SmallString<256> absolute(place), real;
  fs::make_absolute(absolute);
  if (!fs::real_path(absolute, real))
    return real.str().str();
  StringRef parent = path::parent_path(absolute);
  if (parent.empty() || parent == absolute)
    return absolute.str().str();
  llvm::SmallString<256> whole(makeReal(parent));
  path::append(whole, path::filename(absolute));
  // What is not there is no link, so ".." leads back from it.
  path::remove_dots(whole, /*remove_dot_dot=*/true);
  return whole.str().str();
}

OutputFolder::OutputFolder(StringRef path, Objection objection)
    : path(path), directory(followLinks(path)), objection(objection) {}

bool OutputFolder::overlaps(const OutputFolder &other) const {
  std::string own = makeReal(directory) + "/";
  std::string others = makeReal(other.directory) + "/";
  return StringRef(own).starts_with(others) ||
         StringRef(others).starts_with(own);
}

/// Why `directory`, which is not there, cannot be made, as far as can be seen.
static std::error_code whyNotMade(StringRef directory) {
  StringRef above = path::parent_path(directory);
  while (!above.empty() && !fs::exists(above))
    above = path::parent_path(above);
  if (above.empty())
    above = ".";
  if (!fs::is_directory(above))
    return std::make_error_code(std::errc::not_a_directory);
  return fs::access(above, fs::AccessMode::Write);
}

llvm::LogicalResult OutputFolder::check() const {
  llvm::SmallString<256> current;
  if (directory.empty() ||
      (!fs::current_path(current) && fs::equivalent(directory, current))) {
    reportError(fmt::format("output '{}' is the current folder, which cannot "
                            "be replaced; name another",
                            path));
    return llvm::failure();
  }
  fs::file_status status;
  if (fs::status(directory, status) || !fs::exists(status)) {
    std::error_code code = whyNotMade(directory);
    return code ? refuse("write", path, code) : llvm::success();
  }
  if (!fs::is_directory(status)) {
    reportError(fmt::format("output '{}' exists and is not a folder", path));
    return llvm::failure();
  }
  std::error_code code;
  fs::directory_iterator first(directory, code);
  if (code)
    return refuse("read the folder", directory, code);
  if (first == fs::directory_iterator())
    return llvm::success();
  std::string problem = objection(directory);
  if (problem.empty())
    return llvm::success();
  reportError(fmt::format("output folder '{}' {}", path, problem));
  return llvm::failure();
}

std::string attn::findForeign(StringRef directory,
                              llvm::function_ref<bool(StringRef)> isOurs) {
  std::string found;
  std::error_code code;
  for (fs::directory_iterator it(directory, code), end; it != end && !code;
       it.increment(code)) {
    StringRef name = path::filename(it->path());
    if (!isOurs(it->path()) && (found.empty() || name < found))
      found = name.str();
  }
  return found;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

namespace {
/// The folders above an output, which go again unless they are kept.
class Parents {
public:
  ~Parents() {
    for (const std::string &folder : llvm::reverse(made))
      (void)fs::remove(folder);
  }
  /// Makes `folder` and what is missing above it.
  std::error_code make(StringRef folder) {
    if (folder.empty() || fs::exists(folder))
      return {};
    if (std::error_code code = make(path::parent_path(folder)))
      return code;
    if (std::error_code code =
            fs::create_directory(folder, /*IgnoreExisting=*/true, fs::all_all))
      return code;
    made.push_back(folder.str());
    return {};
  }
  void keep() { made.clear(); }

private:
  /// The outermost first.
  llvm::SmallVector<std::string> made;
};
} // namespace

static llvm::LogicalResult writeFiles(llvm::ArrayRef<OutputFile> files,
                                      StringRef directory) {
  for (const OutputFile &file : files) {
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

/// Puts `from` where `to` stands; what stood there goes to `aside` and then
/// away. That it stays is no failure: `to` is whole.
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
  if (std::error_code code =
          fs::remove_directories(aside, /*IgnoreErrors=*/false))
    reportWarning(fmt::format("'{}' is written, but the folder that it "
                              "replaces cannot be removed and is now '{}': {}",
                              to.str(), aside.str(), code.message()));
  return {};
}

llvm::LogicalResult
OutputFolder::write(llvm::ArrayRef<OutputFile> files) const {
  if (failed(check()))
    return llvm::failure();
  Parents parents;
  if (std::error_code code = parents.make(path::parent_path(directory)))
    return refuse("write", path, code);
  llvm::SmallString<256> model(directory), fresh, aside;
  model += ".%%%%%%%%.tmp";
  fs::createUniquePath(model, fresh, /*MakeAbsolute=*/false);
  fs::createUniquePath(model, aside, /*MakeAbsolute=*/false);
  if (std::error_code code = fs::create_directory(fresh, false, fs::all_all))
    return refuse("write", path, code);
  llvm::LogicalResult written = writeFiles(files, fresh);
  if (succeeded(written))
    if (std::error_code code = replaceFolder(fresh, directory, aside))
      written = refuse("write", path, code);
  if (failed(written))
    (void)fs::remove_directories(fresh);
  else
    parents.keep();
  return written;
}
