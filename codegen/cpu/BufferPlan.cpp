//===- BufferPlan.cpp - where a program's buffers lie ---------------------===//
//
// Linear scan over the phases (Poletto and Sarkar 1999). Sizes that depend on
// the call are compared where they depend on the same of its sizes.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/BufferPlan.h"
#include "codegen/cpu/RowTiles.h"

#include "runtime/attn_rt.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

namespace {
/// The phases from the first to the last that uses a buffer.
struct Lifetime {
  Value buffer;
  int64_t first, last;
};
} // namespace

static SmallVector<Lifetime> lifetimesOf(tile::ProgramOp program) {
  SmallVector<Lifetime> lifetimes;
  llvm::DenseMap<Value, unsigned> known;
  int64_t number = 0;
  for (auto phase : program.getBody().getOps<tile::PhaseOp>()) {
    phase.walk([&](Operation *op) {
      for (Value operand : op->getOperands()) {
        if (!isa<tile::ViewType>(operand.getType()))
          continue;
        Value root = tile::rootOf(operand);
        if (!root.getDefiningOp<tile::BufferOp>())
          continue;
        auto [entry, isNew] = known.try_emplace(root, lifetimes.size());
        if (isNew)
          lifetimes.push_back({root, number, number});
        lifetimes[entry->second].last = number;
      }
    });
    ++number;
  }
  return lifetimes;
}

/// Bytes of a buffer, in whole lines; attn-cpu-verify-programs has seen to it
/// that its sizes are known.
static tile::Extent roomOf(Value buffer) {
  auto type = cast<tile::ViewType>(buffer.getType());
  tile::Extent bytes = tile::Extent::of(bytesOf(type.getElementType()));
  for (size_t dim = 0; dim < type.getShape().size(); ++dim)
    if (std::optional<tile::Extent> size = tile::sizeExtent(buffer, dim))
      bytes = bytes.times(*size);
  constexpr int64_t line = ATTN_RT_CACHE_LINE;
  bytes.factor = (bytes.factor + line - 1) / line * line;
  return bytes;
}

BufferPlan::BufferPlan(tile::ProgramOp program) {
  for (const Lifetime &lifetime : lifetimesOf(program)) {
    unsigned place = findPlace(roomOf(lifetime.buffer), lifetime.first);
    busyUntil[place] = lifetime.last;
    numbers[lifetime.buffer] = place;
  }
}

unsigned BufferPlan::findPlace(const tile::Extent &size, int64_t phase) {
  std::optional<unsigned> best;
  for (unsigned place = 0; place < places.size(); ++place) {
    if (busyUntil[place] >= phase || places[place].axes != size.axes)
      continue;
    // The smallest that is large enough, else the largest.
    auto fits = [&](unsigned p) { return places[p].factor >= size.factor; };
    bool isSmaller = !best || places[place].factor < places[*best].factor;
    if (!best ||
        (fits(place) ? !fits(*best) || isSmaller : !fits(*best) && !isSmaller))
      best = place;
  }
  if (!best) {
    best = places.size();
    places.push_back(size);
    busyUntil.push_back(phase);
  }
  places[*best].factor = std::max(places[*best].factor, size.factor);
  return *best;
}
