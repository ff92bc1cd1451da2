//===- Names.cpp - The name that prefixes every symbol --------------------===//
//
// Names that C or a common library claims get a leading "k_".
//
//===----------------------------------------------------------------------===//

#include "compiler/Names.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using llvm::StringRef;

/// Keywords of C11 and C++17, and libraries whose archive would shadow ours.
static bool isClaimed(StringRef name) {
  static constexpr StringRef claimed[] = {
      "_Alignas",
      "_Alignof",
      "_Atomic",
      "_Bool",
      "_Complex",
      "_Generic",
      "_Imaginary",
      "_Noreturn",
      "_Static_assert",
      "_Thread_local",
      "alignas",
      "alignof",
      "and",
      "and_eq",
      "asm",
      "auto",
      "bitand",
      "bitor",
      "bool",
      "break",
      "c",
      "case",
      "catch",
      "char",
      "char16_t",
      "char32_t",
      "class",
      "compl",
      "const",
      "const_cast",
      "constexpr",
      "continue",
      "decltype",
      "default",
      "delete",
      "dl",
      "do",
      "double",
      "dynamic_cast",
      "else",
      "enum",
      "explicit",
      "export",
      "extern",
      "false",
      "float",
      "for",
      "friend",
      "goto",
      "if",
      "inline",
      "int",
      "long",
      "m",
      "mutable",
      "namespace",
      "new",
      "noexcept",
      "not",
      "not_eq",
      "nullptr",
      "operator",
      "or",
      "or_eq",
      "private",
      "protected",
      "pthread",
      "public",
      "register",
      "reinterpret_cast",
      "restrict",
      "return",
      "rt",
      "short",
      "signed",
      "sizeof",
      "static",
      "static_assert",
      "static_cast",
      "struct",
      "switch",
      "template",
      "this",
      "throw",
      "thread_local",
      "true",
      "try",
      "typedef",
      "typeid",
      "typename",
      "typeof",
      "union",
      "unsigned",
      "using",
      "virtual",
      "void",
      "volatile",
      "wchar_t",
      "while",
      "xor",
      "xor_eq",
  };
  return llvm::is_contained(claimed, name);
}

/// What the file at `path` is called.
static std::string stemOf(StringRef path) {
  StringRef stem = llvm::sys::path::stem(path);
  if (stem != "config")
    return stem.str();
  llvm::SmallString<128> absolute(path);
  llvm::sys::fs::make_absolute(absolute);
  llvm::sys::path::remove_dots(absolute, /*remove_dot_dot=*/true);
  StringRef folder = llvm::sys::path::parent_path(absolute);
  StringRef name = llvm::sys::path::filename(folder);
  return name.empty() || name == "/" ? stem.str() : name.str();
}

/// Other characters than letters and digits become '_'.
static std::string identifierOf(std::string name) {
  for (char &c : name)
    if (!llvm::isAlnum(c))
      c = '_';
  return name;
}

std::string attn::kernelName(StringRef path, StringRef chosen) {
  std::string name = identifierOf(chosen.empty() ? stemOf(path) : chosen.str());
  if (name.empty() || llvm::isDigit(name.front()) || isClaimed(name))
    name.insert(0, "k_");
  return name;
}

std::string attn::fieldName(StringRef tensor) {
  std::string name = identifierOf(tensor.str());
  if (name.empty() || llvm::isDigit(name.front()) || isClaimed(name))
    name.insert(0, "k_");
  return name;
}

std::string attn::functionSymbol(StringRef name, StringRef function) {
  return name.str() + "_" + identifierOf(function.str());
}
