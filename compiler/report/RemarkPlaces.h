//===- RemarkPlaces.h - Where a remark is shown -----------------*- C++ -*-===//
//
// A pass speaks of an operation that may be gone afterwards: the remark stands
// at what took its place.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REPORT_REMARKPLACES_H
#define COMPILER_REPORT_REMARKPLACES_H

#include "compiler/RemarkCollector.h"
#include "compiler/StageText.h"

#include <optional>
#include <vector>

namespace attn::report {

/// A remark and what it is about.
struct SitedRemark {
  PassRemark remark;
  /// Empty if the pass has named none.
  std::string function = {};
  mlir::LocationAttr location = {};

  bool operator==(const SitedRemark &) const = default;
};

/// The line of `text`, the stage that `sited` was made in, that it is shown
/// at: in its function, from its place in the input, named by it, and for a
/// rewrite one that `isNew`; of the best the outermost, then the last. None if
/// none has to do with it.
std::optional<size_t> placeRemark(const SitedRemark &sited,
                                  const StageText &text,
                                  const std::vector<bool> &isNew);

} // namespace attn::report

#endif // COMPILER_REPORT_REMARKPLACES_H
