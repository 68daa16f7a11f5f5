//===- Schedule.h - Ordered steps, buffers and lifetimes --------*- C++ -*-===//
//
// A program as plain data: what planning needs of ordered tensor SSA and no
// more, so that order, recomputation and lifetimes can be tried out on copies
// thousands of times before any IR changes. Extraction.h makes one from a
// function; docs/planning.md describes the stages that work on it.
//
//===----------------------------------------------------------------------===//

#ifndef NEAP_PASSES_ANALYSIS_SCHEDULE_H
#define NEAP_PASSES_ANALYSIS_SCHEDULE_H

#include "llvm/ADT/SmallVector.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace neap {

/// One tensor.
struct ScheduleValue {
  /// At the maximum token count, rounded up to `alignment`.
  int64_t bytes = 0;
  /// Index into Schedule::steps of the step that defines it, or one of the
  /// constants below. Kept up to date by every function that makes a schedule.
  int producer = programInput;
  /// Of its offset in the arena; at least that of slots.
  int64_t alignment = slotAlignment;

  static constexpr int64_t slotAlignment = 64;
  static constexpr int programInput = -1;
  /// No step of this schedule defines the value: its producer was left out.
  static constexpr int absent = -2;
};

/// Schedules are copied thousands of times per plan: the lists of a step lie
/// within it.
using ValueList = llvm::SmallVector<int, 6>;

/// One execution of one operation.
struct ScheduleStep {
  /// The step of the extracted program that this one executes.
  int origin = 0;
  /// A second execution, in the backward part.
  bool recomputed = false;
  /// Tensor operands and results: indices into Schedule::values.
  ValueList operands, results;
  /// For each result the position in `operands` of the operand it may overwrite
  /// (inPlace) or is a view of (view), or -1.
  ValueList inPlace, view;
  /// The two operands may be exchanged without changing the result's bits.
  bool commutative = false;
  /// For each operand: a gradient can flow into it.
  llvm::SmallVector<bool, 6> differentiable;
  int64_t scratchBytes = 0;
  double flops = 0;
  /// Estimated run time, nanoseconds.
  int64_t costNs = 0;
  /// Read from flash while later steps run, until one takes the result.
  int64_t fetchedBytes = 0;
  /// Running it again gives the same bits.
  bool recomputable = false;
  /// Reads or writes state other than its operands and results; such steps keep
  /// their relative order and run exactly once.
  bool hasEffects = false;
  /// Steps of equal kind are the same to planning: same operation, sizes, cost
  /// and buffer rules.
  int kind = 0;
};

struct Schedule {
  std::vector<ScheduleValue> values;
  std::vector<ScheduleStep> steps;
  /// Steps [0, forwardEnd) are the forward part, the loss included; the rest is
  /// the backward part. Without a backward part: the number of steps.
  int forwardEnd = 0;

  int size() const { return static_cast<int>(steps.size()); }
  bool isForward(int step) const { return step < forwardEnd; }
};

/// A range of bytes that one or several values share: views, and results
/// computed in place.
struct ScheduleBuffer {
  int64_t bytes = 0;
  int64_t alignment = ScheduleValue::slotAlignment;
  /// Alive during the steps [start, end).
  int start = 0, end = 0;
  /// In order of definition; empty for scratch.
  std::vector<int> values;
  /// The step whose scratch this is, or -1.
  int scratchOf = -1;
  /// Holds a program input: fixed, alive throughout, not counted as live bytes.
  bool isInput = false;
};

/// Lifetimes of one schedule. A step's operands, results and scratch are all
/// alive in it: a value defined in step d and last read in step u lives
/// [d, u + 1).
struct BufferTable {
  std::vector<ScheduleBuffer> buffers;
  /// By value; -1 for values that no step of the schedule defines.
  std::vector<int> bufferOf;
  /// Steps whose two operands must be exchanged, so that the result overwrites
  /// the first one.
  std::vector<bool> exchanged;
  /// By step: bytes of all buffers alive in it, inputs left out.
  std::vector<int64_t> liveBytes;

  int64_t maxLiveBytes() const;
  /// The first step with the most live bytes; 0 for an empty schedule.
  int peakStep() const;
};

/// In place where the step permits it, the operand dies there and is no program
/// input; O(steps + values).
BufferTable computeBuffers(const Schedule &schedule);

/// Sets the producer of every value that is no program input.
void updateProducers(Schedule &schedule);

/// By value: the last step that reads it, or -1.
std::vector<int> computeLastUses(const Schedule &schedule);

/// Total run time, nanoseconds.
int64_t totalCostNs(const Schedule &schedule);

} // namespace neap

#endif // NEAP_PASSES_ANALYSIS_SCHEDULE_H
