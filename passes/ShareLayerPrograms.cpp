//===- ShareLayerPrograms.cpp - one program per geometry ------------------===//
//
// Layers of equal geometry share machine code: what differs between them is a
// row of constants. Functions of no layer are left to their callers.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "dialects/attn_tile/AttnTileOps.h"
#include "mlir/IR/OperationSupport.h"
#include "passes/LayerFunctions.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

namespace attn {
#define GEN_PASS_DEF_SHARELAYERPROGRAMS
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;
using namespace attn::tile;

static SmallVector<ParameterOp> parametersOf(ProgramOp program) {
  return llvm::to_vector(program.getBody().getOps<ParameterOp>());
}

/// Row `row` of every parameter's values.
static SmallVector<Attribute> constantsOf(ProgramOp program, int64_t row) {
  SmallVector<Attribute> constants;
  for (ParameterOp parameter : parametersOf(program))
    constants.push_back(parameter.getValues()[row]);
  return constants;
}

/// What a program says of itself but for its names and its layers.
static NamedAttrList attributesOf(ProgramOp program) {
  NamedAttrList attributes(program->getAttrDictionary());
  for (StringAttr own :
       {program.getSymNameAttrName(), program.getKernelAttrName(),
        program.getLayersAttrName(), program.getLayerRowsAttrName()})
    attributes.erase(own);
  return attributes;
}

/// The programs are of declared layers, which have a scope, and compute the
/// same but for the values of their parameters.
static bool canShare(ProgramOp left, ProgramOp right) {
  if (!left.getScope() || left.getLayers().empty() ||
      right.getLayers().empty() || attributesOf(left) != attributesOf(right))
    return false;
  OwningOpRef<ProgramOp> copy = right.clone();
  SmallVector<ParameterOp> ours = parametersOf(left);
  SmallVector<ParameterOp> theirs = parametersOf(*copy);
  if (ours.size() != theirs.size())
    return false;
  for (auto [our, their] : llvm::zip_equal(ours, theirs))
    their.setValuesAttr(our.getValuesAttr());
  return OperationEquivalence::isRegionEquivalentTo(
      &left.getBody(), &copy->getBody(), OperationEquivalence::IgnoreLocations);
}

/// The row of `program` that holds `constants`, which is added if need be.
static int64_t findOrAddRow(ProgramOp program, ArrayRef<Attribute> constants) {
  SmallVector<ParameterOp> parameters = parametersOf(program);
  int64_t rows = parameters.empty() ? 1 : parameters[0].getValues().size();
  for (int64_t row = 0; row < rows; ++row)
    if (llvm::equal(constantsOf(program, row), constants))
      return row;
  for (auto [parameter, constant] : llvm::zip_equal(parameters, constants)) {
    SmallVector<Attribute> values(parameter.getValues().getValue());
    values.push_back(constant);
    parameter.setValuesAttr(ArrayAttr::get(parameter.getContext(), values));
  }
  return rows;
}

/// Makes `program` serve the layers of `other` too; layers stay ascending.
static void absorb(ProgramOp program, ProgramOp other) {
  SmallVector<std::pair<int64_t, int64_t>> layers;
  for (auto [layer, row] :
       llvm::zip_equal(program.getLayers(), program.getLayerRows()))
    layers.emplace_back(layer, row);
  for (auto [layer, row] :
       llvm::zip_equal(other.getLayers(), other.getLayerRows()))
    layers.emplace_back(layer, findOrAddRow(program, constantsOf(other, row)));
  llvm::sort(layers);
  program.setLayers(llvm::to_vector(llvm::make_first_range(layers)));
  program.setLayerRows(llvm::to_vector(llvm::make_second_range(layers)));
}

static std::string suffixOf(ProgramOp program) {
  return layerSuffix(program.getKernelName(), *program.getScope());
}

/// Where all layers of a model share one kernel, or one of each kind, nothing
/// is left to tell apart: NAME_KIND_SCOPE becomes NAME_SCOPE.
static void dropKind(ModuleOp module, ArrayRef<ProgramOp> programs) {
  if (programs.empty() || !module.getSymName())
    return;
  StringRef model = *module.getSymName();
  llvm::StringMap<StringRef> kernels;
  for (ProgramOp program : programs) {
    StringRef kernel = program.getKernelName();
    if (!program.getScope() || !kernel.starts_with((model + "_").str()) ||
        kernels.try_emplace(suffixOf(program), kernel).first->second != kernel)
      return;
  }
  for (ProgramOp program : programs) {
    std::string name = (model + "_" + suffixOf(program)).str();
    program.setKernel(name);
    program.setSymName(name + "_" + program.getSchedule().getName().str());
  }
}

namespace {
struct ShareLayerProgramsPass
    : attn::impl::ShareLayerProgramsBase<ShareLayerProgramsPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<ProgramOp> kept;
    for (ProgramOp program :
         llvm::make_early_inc_range(getOperation().getOps<ProgramOp>())) {
      auto *twin = llvm::find_if(
          kept, [&](ProgramOp other) { return canShare(other, program); });
      if (twin == kept.end()) {
        kept.push_back(program);
        continue;
      }
      absorb(*twin, program);
      program.erase();
    }
    dropKind(getOperation(), kept);
  }
};
} // namespace
