//===- LayerWindows.h - Which layers slide ----------------------*- C++ -*-===//
//
// Sliding windows of layers, and layers of types that are not compiled.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_IMPORT_LAYERWINDOWS_H
#define COMPILER_IMPORT_LAYERWINDOWS_H

#include "compiler/import/Layers.h"

namespace attn {

/// Sets the window of every layer that slides, and refuses those whose type is
/// not compiled; which layers slide. Errors are reported through `config`.
std::vector<bool> applyWindows(const Config &config, const ModelSpec &model,
                               std::vector<LayerSpec> &layers);

} // namespace attn

#endif // COMPILER_IMPORT_LAYERWINDOWS_H
