//===- Files.cpp - Files that users name ----------------------------------===//
//
// Pipes are fine, a device may never end.
//
//===----------------------------------------------------------------------===//

#include "compiler/Files.h"

#include "llvm/Support/FileSystem.h"

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
