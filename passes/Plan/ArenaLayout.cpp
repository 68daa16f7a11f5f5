//===- ArenaLayout.cpp - Places the fixed ranges --------------------------===//

#include "passes/Plan/ArenaLayout.h"

#include "runtime/include/neap/layout.h"

namespace neap {
namespace {

constexpr int64_t rangeAlignment = 64;

int64_t alignUp(int64_t value, int64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

} // namespace

int64_t ArenaLayout::fixedBytes() const {
  int64_t bytes = values.bytes + gradients.bytes + moment1.bytes +
                  moment2.bytes + stacks.bytes + fetchStack.bytes + io.bytes +
                  resident.bytes;
  for (const ByteRange &input : inputs)
    bytes += input.bytes;
  return bytes;
}

ArenaLayout layOutFixedRanges(const ArenaDemand &demand) {
  ArenaLayout layout;
  for (ParameterLayout parameter : demand.parameters) {
    parameter.elementOffset = layout.parameterElements;
    layout.parameterElements += alignUp(parameter.elements, parameterAlignment);
    layout.parameters.push_back(parameter);
  }
  int64_t next = 0;
  auto place = [&](int64_t bytes, int64_t alignment = rangeAlignment) {
    if (bytes == 0)
      return ByteRange();
    ByteRange range{alignUp(next, alignment), alignUp(bytes, rangeAlignment)};
    next = range.end();
    return range;
  };
  // Stacks come first: they alone need a page's alignment, for guard pages.
  layout.stacks =
      place((demand.threads - 1) * NEAP_STACK_BYTES, arenaPageBytes);
  layout.fetchStack =
      place(demand.fetches ? NEAP_STACK_BYTES : 0, arenaPageBytes);
  int64_t arrayBytes =
      layout.parameterElements * static_cast<int64_t>(sizeof(float));
  layout.values = place(arrayBytes);
  layout.gradients = place(arrayBytes);
  layout.moment1 = place(demand.momentArrays > 0 ? arrayBytes : 0);
  layout.moment2 = place(demand.momentArrays > 1 ? arrayBytes : 0);
  for (int64_t bytes : demand.inputBytes)
    layout.inputs.push_back(place(bytes));
  layout.io =
      place(neap_io_bytes(static_cast<int64_t>(layout.parameters.size())));
  layout.resident = place(demand.residentWeightBytes);
  layout.slotsOffset = alignUp(next, demand.slotAlignment);
  setSlotsBytes(layout, 0);
  return layout;
}

void setSlotsBytes(ArenaLayout &layout, int64_t slotsBytes) {
  layout.slotsBytes = slotsBytes;
  layout.arenaBytes = alignUp(layout.slotsOffset + slotsBytes, arenaPageBytes);
}

} // namespace neap
