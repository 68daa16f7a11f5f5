#ifndef NEAP_PLAN_PASSES_TD
#define NEAP_PLAN_PASSES_TD

include "mlir/Pass/PassBase.td"

def RematerializePass : Pass<"plan-rematerialize", "::mlir::ModuleOp"> {
  let summary = "keep or recompute forward values in the backward part";
  let description = [{
    Input: ordered tensor SSA (verify-ordered). Output: the same form; in programs
    with a backward part weight gradients are accumulated as soon as their
    operands are complete, and chosen forward operations run again right before
    their first use in the backward part, marked `plan.recomputed`. Results keep
    their bits: the same operations run on the same operands. Cost: some
    thousand passes over the longest program.

    ```mlir
    %a = f %x                       %a = f %x
    %y = loss %a                    %y = loss %a
    %d = f_backward %y, %a    ->    %b = f %x {plan.recomputed}
                                    %d = f_backward %y, %b
    ```
  }];
  let options = [
    Option<"budgetBytes", "budget", "int64_t", "-1",
           "most bytes alive at once in a program; negative: no limit">,
    Option<"smallest", "smallest", "bool", "false",
           "look for the smallest peak instead of the fastest step">];
  let statistics = [
    Statistic<"numRecomputed", "num-recomputed", "operations that run twice">];
}

def AllocateSlotsPass : Pass<"plan-allocate-slots", "::mlir::ModuleOp"> {
  let summary = "give every tensor a slot of the arena";
  let description = [{
    Input: ordered tensor SSA (verify-ordered). Output: plan.slot and plan.run
    (verify-planned) and the module attributes `plan.arena_bytes` and
    `plan.slots_offset`. Operations and their order stay; a commutative one may
    have its operands exchanged so that its result overwrites the dying one.
    Arguments become slots at fixed offsets. Cost: the offset search.
  }];
  let options = [
    Option<"momentArrays", "moments", "int64_t", "2",
           "optimizer moments per parameter">,
    Option<"poison", "poison", "bool", "false", "fill dead bytes with NaN">,
    Option<"searchNodes", "search-nodes", "int64_t", "100000",
           "nodes that an exact offset search may visit">];
  let dependentDialects = ["::neap::plan::PlanDialect"];
}

def VerifyOrderedPass : Pass<"verify-ordered", "::mlir::ModuleOp"> {
  let summary = "check that programs are ordered tensor SSA";
  let description = [{
    (1) Functions have one block and return nothing; (2) operations have no
    regions and say what effects they have; (3) operands and results are handles
    or ranked tensors whose only dynamic dimension is the first; (4) there is at
    most one loss; (5) nothing is planned yet.
  }];
}

def VerifyPlannedPass : Pass<"verify-planned", "::mlir::ModuleOp"> {
  let summary = "recompute liveness of slots and check that none overlap";
  let description = [{
    The checks of VerifyPlanned.h, from the plan.run operations alone.
  }];
}

#endif
