//===- AttnAsm.h - how the dialect reads and prints -------------*- C++ -*-===//
//
// Parts of the operations' text forms that TableGen cannot say: attributes in
// declared order, short numbers, ranges of layers, the score_mod region.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNASM_H
#define DIALECTS_ATTN_ATTNASM_H

#include "dialects/attn/AttnAttributes.h"
#include "mlir/IR/OpImplementation.h"

namespace attn {

/// {hidden = 4096, scale = 0.125}: the attributes of the operation called
/// `name` in the order of its definition, numbers short.
mlir::ParseResult parseFields(mlir::OpAsmParser &parser,
                              mlir::NamedAttrList &attributes,
                              llvm::StringRef name);
void printFields(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                 mlir::DictionaryAttr attributes, llvm::StringRef name);

/// 0, 2, 4 to 9: layers in ascending order.
mlir::ParseResult parseLayerNumbers(mlir::AsmParser &parser,
                                    llvm::SmallVectorImpl<int64_t> &numbers);
void printLayerNumbers(mlir::AsmPrinter &printer,
                       llvm::ArrayRef<int64_t> numbers);

/// 0.125 or 500000.0: the shortest text that reads back as the same f64.
mlir::ParseResult parseNumber(mlir::AsmParser &parser, mlir::FloatAttr &number);
void printNumber(mlir::AsmPrinter &printer, mlir::FloatAttr number);

/// [1.0, 2.5]: finite numbers, each as short.
mlir::ParseResult parseNumbers(mlir::AsmParser &parser,
                               mlir::DenseF64ArrayAttr &numbers);
void printNumbers(mlir::AsmPrinter &printer, mlir::DenseF64ArrayAttr numbers);

/// #attn.linear<factor = 8.0>; a wrong one is one error.
mlir::ParseResult parseScaling(mlir::AsmParser &parser,
                               RopeScalingInterface &scaling);
void printScaling(mlir::AsmPrinter &printer, RopeScalingInterface scaling);

/// The dims of a rotation: 0 stands for none given, and is none to give.
mlir::ParseResult parseDims(mlir::AsmParser &parser, int64_t &dims);
void printDims(mlir::AsmPrinter &printer, int64_t dims);

/// score_mod (%score: f32, %row: index, ...) { ... }, or nothing.
mlir::ParseResult parseScoreMod(mlir::OpAsmParser &parser,
                                mlir::Region &region);
void printScoreMod(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                   mlir::Region &region);

/// A name for the tensors that layers pass around, such as h32x128_heads;
/// empty for other types.
std::string nameTensorType(mlir::Type type);

} // namespace attn

#endif // DIALECTS_ATTN_ATTNASM_H
