//===- AttnRanks.cpp - layers as one rank of several ----------------------===//
//
// See AttnRanks.h.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnRanks.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace attn;

int64_t attn::ranksOf(ModuleOp module) {
  auto ranks = module->getAttrOfType<IntegerAttr>(kRanksAttr);
  return ranks ? ranks.getInt() : 1;
}

std::vector<std::string> attn::leftOutOf(ModuleOp module) {
  std::vector<std::string> names;
  if (auto leftOut = module->getAttrOfType<ArrayAttr>(kLeftOutAttr))
    for (auto name : leftOut.getAsRange<StringAttr>())
      names.push_back(name.str());
  return names;
}

std::string attn::describeRank(ModuleOp module) {
  int64_t ranks = ranksOf(module);
  if (ranks == 1)
    return {};
  std::string text = "one rank of " + std::to_string(ranks) +
                     ": what the ranks of scope layer give adds up to the "
                     "layer's output";
  std::vector<std::string> leftOut = leftOutOf(module);
  if (!leftOut.empty())
    text += "; add " + llvm::join(leftOut, ", ") + " to the sum: no rank does";
  return text;
}

static bool isNameList(Attribute value) {
  auto names = dyn_cast<ArrayAttr>(value);
  return names && !names.empty() && llvm::all_of(names, [](Attribute name) {
           auto text = dyn_cast<StringAttr>(name);
           return text && !text.empty();
         });
}

LogicalResult attn::verifyRanks(ModuleOp module, NamedAttribute attribute) {
  Attribute value = attribute.getValue();
  auto fail = [&](const Twine &expected) {
    return module->emitOpError()
           << "has '" << attribute.getName().getValue() << "' = " << value
           << ", expected " << expected;
  };
  // attn_ranks: an i64 of at least 2
  if (attribute.getName() == kRanksAttr) {
    auto ranks = dyn_cast<IntegerAttr>(value);
    bool isCount = ranks && ranks.getType().isInteger(64);
    return isCount && ranks.getInt() > 1 ? success()
                                         : fail("an i64 of at least 2");
  }
  // attn_left_out: names, of a module with ranks
  if (attribute.getName() != kLeftOutAttr)
    return module->emitOpError()
           << "has attribute '" << attribute.getName().getValue()
           << "', which the attn dialect does not define here";
  if (!isNameList(value))
    return fail("names in quotes");
  return module->hasAttr(kRanksAttr) ? success() : fail("attn.ranks too");
}
