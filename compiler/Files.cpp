//===- Files.cpp - Files that users name ----------------------------------===//
//
// Pipes are fine, a device may never end.
//
//===----------------------------------------------------------------------===//

#include "compiler/Files.h"

#include "llvm/Support/raw_ostream.h"

using namespace attn;
using llvm::sys::fs::file_type;

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
attn::readFile(llvm::StringRef path) {
  file_type type = llvm::sys::fs::get_file_type(path);
  if (type == file_type::directory_file)
    return llvm::createStringError("is a folder, expected a file");
  if (type == file_type::character_file || type == file_type::block_file)
    return llvm::createStringError("is a device, expected a file");
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError("cannot be read: " +
                                   buffer.getError().message());
  return std::move(*buffer);
}

llvm::Expected<PendingFile>
PendingFile::write(llvm::StringRef path,
                   llvm::function_ref<void(llvm::raw_ostream &)> writer) {
  // A device or folder would be replaced, or the failure come late.
  llvm::sys::fs::file_status status;
  if (!llvm::sys::fs::status(path, status) &&
      status.type() != file_type::regular_file)
    return llvm::createStringError(
        "cannot be written: it exists and is not a file");
  auto file = llvm::sys::fs::TempFile::create(path + ".tmp-%%%%%%%%",
                                              llvm::sys::fs::all_read |
                                                  llvm::sys::fs::all_write);
  if (!file)
    return llvm::createStringError("cannot be written: " +
                                   llvm::toString(file.takeError()));
  PendingFile pending(path, std::move(*file));
  llvm::raw_fd_ostream out(pending.file->FD, /*shouldClose=*/false);
  writer(out);
  out.flush();
  std::error_code problem = out.error();
  out.clear_error();
  if (problem)
    return llvm::createStringError("cannot be written: " + problem.message());
  return std::move(pending);
}

PendingFile::~PendingFile() {
  if (file)
    llvm::consumeError(file->discard());
}

llvm::Error PendingFile::keep() {
  llvm::Error error = file->keep(path);
  if (!error) {
    file.reset();
    return error;
  }
  return llvm::createStringError("cannot be written: " +
                                 llvm::toString(std::move(error)));
}
