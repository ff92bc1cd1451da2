//===- Config.h - Typed fields of a config.json -----------------*- C++ -*-===//
//
// Reads fields as the type that is due and reports the first one that is not,
// with file, line, column and key. Nothing is converted silently.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_IMPORT_CONFIG_H
#define COMPILER_IMPORT_CONFIG_H

#include "compiler/import/Json.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"

#include "llvm/ADT/SmallVector.h"

#include <optional>
#include <set>

namespace attn {

/// A range of numbers, both ends included.
struct IntegerRange {
  int64_t least, most;
};

/// Where errors of one file go. The first one is emitted, later ones, which
/// are likely to follow from it, are not.
class ConfigErrors {
public:
  ConfigErrors(mlir::MLIRContext &context, llvm::StringRef fileName)
      : context(context), fileName(fileName) {}

  void error(TextPosition where, const llvm::Twine &message);
  void warning(TextPosition where, const llvm::Twine &message);
  bool hasFailed() const { return failed; }
  mlir::MLIRContext &getContext() const { return context; }

  /// The keys that have been asked for, of whichever object.
  std::set<std::string, std::less<>> asked;

private:
  mlir::Location locationOf(TextPosition where);

  mlir::MLIRContext &context;
  std::string fileName;
  bool failed = false;
};

/// An object of a config: the top level, or a nested one.
class Config {
public:
  Config(const JsonDocument &document, ConfigErrors &errors)
      : document(document), errors(errors), object(document.root()) {}

  /// The object at `key`; nothing if absent, null or empty; an error if it is
  /// something else.
  std::optional<Config> child(llvm::StringRef key) const;

  bool has(llvm::StringRef key) const;
  bool isNull(llvm::StringRef key) const;

  // Each returns nothing if the key is absent or null, and after an error.
  std::optional<int64_t> integer(llvm::StringRef key, IntegerRange range) const;
  /// A finite number.
  std::optional<double> number(llvm::StringRef key) const;
  /// A finite number over 0.
  std::optional<double> positive(llvm::StringRef key) const;
  std::optional<bool> boolean(llvm::StringRef key) const;
  std::optional<std::string> string(llvm::StringRef key) const;
  std::optional<std::vector<std::string>> strings(llvm::StringRef key) const;
  std::optional<std::vector<double>> numbers(llvm::StringRef key) const;

  /// Reports "key: message" at the place of `key`, or of this object if it
  /// has no such key.
  void error(llvm::StringRef key, const llvm::Twine &message) const;
  /// The same for element `index` of the list at `key`.
  void error(llvm::StringRef key, size_t index,
             const llvm::Twine &message) const;
  void warning(llvm::StringRef key, const llvm::Twine &message) const;
  /// Warns of each key that nothing has asked for and that is nearly one that
  /// has been asked for in vain.
  void warnOfMisspelledKeys() const;
  bool hasFailed() const { return errors.hasFailed(); }
  mlir::MLIRContext &getContext() const { return errors.getContext(); }

private:
  Config(const Config &parent, llvm::StringRef key,
         const llvm::json::Object &object);

  /// The value at `key`; null if absent or null.
  const llvm::json::Value *find(llvm::StringRef key) const;
  llvm::SmallVector<llvm::StringRef> pathOf(llvm::StringRef key) const;
  TextPosition position(llvm::StringRef key) const;
  /// Reports that `key` holds something else than `expected`.
  void mismatch(llvm::StringRef key, llvm::StringRef expected) const;

  const JsonDocument &document;
  ConfigErrors &errors;
  const llvm::json::Object &object;
  llvm::SmallVector<std::string> path;
};

} // namespace attn

#endif // COMPILER_IMPORT_CONFIG_H
