//===- Config.cpp - Typed fields of a config.json -------------------------===//
//
// The rules: a number is not a string, an integer has no fraction, a list has
// elements of one type. A wrong field is named where it stands.
//
//===----------------------------------------------------------------------===//

#include "compiler/import/Config.h"

#include "mlir/IR/Location.h"

#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace attn;
using llvm::StringRef;
using llvm::Twine;

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

mlir::Location ConfigErrors::locationOf(TextPosition where) {
  return mlir::FileLineColLoc::get(&context, fileName, where.line,
                                   where.column);
}

void ConfigErrors::error(TextPosition where, const Twine &message) {
  if (!failed)
    mlir::emitError(locationOf(where)) << message;
  failed = true;
}

void ConfigErrors::warning(TextPosition where, const Twine &message) {
  if (!failed)
    mlir::emitWarning(locationOf(where)) << message;
}

void Config::error(StringRef key, const Twine &message) const {
  errors.error(position(key), Twine(key) + ": " + message);
}

void Config::error(StringRef key, size_t index, const Twine &message) const {
  std::string step = llvm::utostr(index);
  llvm::SmallVector<StringRef> element = pathOf(key);
  element.push_back(step);
  errors.error(document.position(element),
               Twine(key) + "[" + step + "]: " + message);
}

void Config::warning(StringRef key, const Twine &message) const {
  errors.warning(position(key), Twine(key) + ": " + message);
}

void Config::warnOfMisspelledKeys() const {
  constexpr size_t shortest = 6;
  constexpr unsigned farthest = 2;
  llvm::SmallVector<StringRef> keys;
  for (const auto &[key, value] : object)
    keys.push_back(key);
  llvm::sort(keys);
  for (StringRef found : keys) {
    if (errors.asked.contains(found) || found.size() < shortest)
      continue;
    for (const std::string &name : errors.asked)
      if (!object.get(name) && name.size() >= shortest &&
          found.edit_distance(name, /*AllowReplacements=*/true, farthest) <=
              farthest)
        warning(found, "unknown, is '" + name + "' meant?");
  }
}

void Config::mismatch(StringRef key, StringRef expected) const {
  constexpr size_t longest = 40;
  StringRef found = document.spelling(pathOf(key));
  bool isShort = found.size() <= longest && !found.contains('\n');
  std::string shown = isShort ? found.str() : "a longer value";
  error(key, Twine("expected ") + expected + ", found " + shown);
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

Config::Config(const Config &parent, StringRef key,
               const llvm::json::Object &object)
    : document(parent.document), errors(parent.errors), object(object),
      path(parent.path) {
  path.push_back(key.str());
}

llvm::SmallVector<StringRef> Config::pathOf(StringRef key) const {
  llvm::SmallVector<StringRef> steps(path.begin(), path.end());
  steps.push_back(key);
  return steps;
}

TextPosition Config::position(StringRef key) const {
  llvm::SmallVector<StringRef> steps = pathOf(key);
  if (!document.contains(steps))
    steps.pop_back();
  return document.position(steps);
}

bool Config::has(StringRef key) const {
  errors.asked.insert(key.str());
  return object.get(key);
}

const llvm::json::Value *Config::find(StringRef key) const {
  errors.asked.insert(key.str());
  const llvm::json::Value *value = object.get(key);
  return value && value->kind() != llvm::json::Value::Null ? value : nullptr;
}

bool Config::isNull(StringRef key) const { return has(key) && !find(key); }

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

std::optional<Config> Config::child(StringRef key) const {
  const llvm::json::Value *value = find(key);
  if (!value)
    return std::nullopt;
  const llvm::json::Object *nested = value->getAsObject();
  if (!nested) {
    mismatch(key, "an object");
    return std::nullopt;
  }
  if (nested->empty())
    return std::nullopt;
  return Config(*this, key, *nested);
}

std::optional<int64_t> Config::integer(StringRef key,
                                       IntegerRange range) const {
  const llvm::json::Value *value = find(key);
  if (!value)
    return std::nullopt;
  StringRef spelling = document.spelling(pathOf(key));
  bool isWhole = value->kind() == llvm::json::Value::Number &&
                 spelling.find_first_of(".eE") == StringRef::npos;
  if (!isWhole) {
    mismatch(key, "an integer");
    return std::nullopt;
  }
  std::optional<int64_t> number = value->getAsInteger();
  if (number && *number >= range.least && *number <= range.most)
    return number;
  error(key, Twine(spelling.take_front(40)) + " is not in " +
                 Twine(range.least) + " to " + Twine(range.most));
  return std::nullopt;
}

std::optional<double> Config::number(StringRef key) const {
  const llvm::json::Value *value = find(key);
  if (!value)
    return std::nullopt;
  std::optional<double> number = value->getAsNumber();
  if (number && std::isfinite(*number))
    return number;
  mismatch(key, number ? "a finite number" : "a number");
  return std::nullopt;
}

std::optional<double> Config::positive(StringRef key) const {
  std::optional<double> value = number(key);
  if (value && *value <= 0) {
    mismatch(key, "a number over 0");
    return std::nullopt;
  }
  return value;
}

std::optional<bool> Config::boolean(StringRef key) const {
  const llvm::json::Value *value = find(key);
  if (!value)
    return std::nullopt;
  std::optional<bool> flag = value->getAsBoolean();
  if (!flag)
    mismatch(key, "true or false");
  return flag;
}

std::optional<std::string> Config::string(StringRef key) const {
  const llvm::json::Value *value = find(key);
  if (!value)
    return std::nullopt;
  std::optional<StringRef> text = value->getAsString();
  if (text)
    return text->str();
  mismatch(key, "a string");
  return std::nullopt;
}

std::optional<std::vector<std::string>> Config::strings(StringRef key) const {
  const llvm::json::Value *value = find(key);
  if (!value)
    return std::nullopt;
  const llvm::json::Array *list = value->getAsArray();
  if (!list) {
    mismatch(key, "a list of strings");
    return std::nullopt;
  }
  std::vector<std::string> result;
  for (const llvm::json::Value &element : *list) {
    std::optional<StringRef> text = element.getAsString();
    if (!text) {
      error(key, result.size(), "expected a string");
      return std::nullopt;
    }
    result.push_back(text->str());
  }
  return result;
}

std::optional<std::vector<double>> Config::numbers(StringRef key) const {
  const llvm::json::Value *value = find(key);
  if (!value)
    return std::nullopt;
  const llvm::json::Array *list = value->getAsArray();
  if (!list) {
    mismatch(key, "a list of numbers");
    return std::nullopt;
  }
  std::vector<double> result;
  for (const llvm::json::Value &element : *list) {
    std::optional<double> number = element.getAsNumber();
    if (!number || !std::isfinite(*number)) {
      error(key, result.size(), "expected a finite number");
      return std::nullopt;
    }
    result.push_back(*number);
  }
  return result;
}
