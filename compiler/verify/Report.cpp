//===- Report.cpp - What a verification found -----------------------------===//
//
// See Report.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/Report.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include <cmath>
#include <fmt/format.h>
#include <tuple>

using namespace attn;
using namespace attn::verify;

int64_t Report::passed() const {
  return llvm::count_if(cases, [](const CaseReport &item) { return item.ok; });
}

/// A graph has no heads of its own.
static std::string describeHeads(const CaseShape &shape) {
  if (shape.queryHeads == 0)
    return "a graph";
  return fmt::format("{} query heads, {} key/value heads, head size {}, value "
                     "size {}",
                     shape.queryHeads, shape.kvHeads, shape.headDim,
                     shape.valueDim);
}

/// Sizes that only the call knows; a graph may have none.
static std::string describeCall(const CaseShape &shape) {
  if (!shape.batch && !shape.queryLength && !shape.kvLength)
    return "static sizes";
  return fmt::format("batch {}, {:>3} queries, {:>4} keys", shape.batch,
                     shape.queryLength, shape.kvLength);
}

/// How far a case is off, and how far it may be.
static std::string describeError(const CaseReport &item) {
  if (item.ok && item.tolerance == 0)
    return "equal bits";
  return fmt::format("error {:.2e} of {:.2e}", item.maxAbsError,
                     item.tolerance);
}

/// "small_core for x86-64-v4, layer 0: 4 query heads, ..."
static std::string describeSubject(const CaseReport &item) {
  return fmt::format("{} for {}{}: {}\n", item.kernel, item.target,
                     item.layer < 0 ? ""
                                    : fmt::format(", layer {}", item.layer),
                     describeHeads(item.shape));
}

static bool hasSameSubject(const CaseReport &a, const CaseReport &b) {
  return std::tie(a.kernel, a.target, a.layer) ==
         std::tie(b.kernel, b.target, b.layer);
}

void verify::printCases(llvm::ArrayRef<CaseReport> cases,
                        llvm::raw_ostream &stream) {
  const CaseReport *previous = nullptr;
  for (const CaseReport &item : cases) {
    if (!previous || !hasSameSubject(*previous, item))
      stream << describeSubject(item);
    previous = &item;
    stream << fmt::format("  {:<7}{:<32} {:<32} {}\n",
                          item.ok ? "ok" : "FAILED", item.name,
                          describeCall(item.shape), describeError(item));
    if (!item.detail.empty())
      stream << fmt::format("         {}\n", item.detail);
  }
}

void verify::printCounts(const Report &report, llvm::raw_ostream &stream) {
  stream << fmt::format("{} passed, {} failed\n", report.passed(),
                        report.failed());
}

/// JSON has no infinities and no NaN.
static llvm::json::Value number(double value) {
  if (!std::isfinite(value))
    return nullptr;
  return value;
}

static llvm::json::Object shapeOf(const CaseShape &shape) {
  return llvm::json::Object{
      {"batch", shape.batch},        {"query_length", shape.queryLength},
      {"kv_length", shape.kvLength}, {"query_heads", shape.queryHeads},
      {"kv_heads", shape.kvHeads},   {"head_dim", shape.headDim},
      {"value_dim", shape.valueDim}};
}

/// A function that declares no layer has no number.
static llvm::json::Value numberOfLayer(int64_t layer) {
  return layer < 0 ? llvm::json::Value(nullptr) : llvm::json::Value(layer);
}

void verify::printJson(const Report &report, llvm::raw_ostream &stream) {
  llvm::json::Array cases;
  for (const CaseReport &item : report.cases) {
    llvm::json::Object object{{"kernel", item.kernel},
                              {"target", item.target},
                              {"layer", numberOfLayer(item.layer)},
                              {"case", item.name},
                              {"shape", shapeOf(item.shape)},
                              {"max_abs_error", number(item.maxAbsError)},
                              {"tolerance", number(item.tolerance)},
                              {"ok", item.ok}};
    if (!item.detail.empty())
      object["detail"] = item.detail;
    cases.push_back(std::move(object));
  }
  llvm::json::Object document{{"cases", std::move(cases)},
                              {"passed", report.passed()},
                              {"failed", report.failed()}};
  stream << llvm::formatv("{0:2}", llvm::json::Value(std::move(document)))
         << '\n';
}
