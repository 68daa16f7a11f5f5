#ifndef NEAP_PLAN_PASSES_TD
#define NEAP_PLAN_PASSES_TD

include "mlir/Pass/PassBase.td"

def FetchWeightsPass : Pass<"plan-fetch-weights", "::mlir::ModuleOp"> {
  let summary = "read large weights into the arena where they are used";
  let description = [{
    Input: ordered tensor SSA (verify-ordered). Output: the same form; every
    operation takes a large weight from a plan.fetch of its own right before it.
    Assumes: nothing beyond the input form.
    Cost: linear in the module.

    Before and after `--plan-fetch-weights=min-bytes=4096`:

    ```mlir
    module {
      graph.weight_decl @up : !graph.weight<64x16xf32> {file = "m", bytes = 4096 : i64}
      func.func @f(%x: tensor<?x16xf32>) {
        %w = graph.weight @up : !graph.weight<64x16xf32>
        %y = graph.linear %x, %w : (tensor<?x16xf32>, !graph.weight<64x16xf32>)
            -> tensor<?x64xf32>
        return
      }
    }
    ```
    ```mlir
    module {
      graph.weight_decl @up : !graph.weight<64x16xf32> {bytes = 4096 : i64, file = "m"}
      func.func @f(%arg0: tensor<?x16xf32>) {
        %0 = graph.weight @up : <64x16xf32>
        %1 = plan.fetch %0 : !graph.weight<64x16xf32>
        %2 = graph.linear %arg0, %1 : (tensor<?x16xf32>, !graph.weight<64x16xf32>)
            -> tensor<?x64xf32>
        return
      }
    }
    ```
  }];
  let options = [
    Option<"minBytes", "min-bytes", "int64_t", "65536",
           "smaller weights stay where they are">];
  let statistics = [
    Statistic<"numFetches", "num-fetches", "reads inserted">];
  let dependentDialects = ["::neap::plan::PlanDialect"];
}

def RematerializePass : Pass<"plan-rematerialize", "::mlir::ModuleOp"> {
  let summary = "keep or recompute forward values in the backward part";
  let description = [{
    Input: ordered tensor SSA (verify-ordered) in a module with `plan.max_tokens` and
    `plan.device`. Output: the same form; in programs with a backward part weight
    gradients are accumulated as soon as their operands are complete, and chosen
    forward operations run again right before their first use in the backward part,
    marked `plan.recomputed`. Results keep their bits: the same operations run on the
    same operands.
    Assumes: operations without RecomputeCostOpInterface never run twice. A budget
    below the smallest peak is an error that names this peak.
    Cost: some thousand passes over the longest program.

    Before and after `--plan-rematerialize=smallest=true`:

    ```mlir
    module attributes {plan.max_tokens = 64 : i64, plan.device = #plan.device<
        triple = "x86_64-linux-musl", features = "", vector_floats = 16, tile_rows = 8,
        tile_vectors = 2, contraction_block = 512, panel_group = 8, max_threads = 1,
        mflops = 10000, memory_mbps = 10000>} {
      train.parameter @a : !train.adapter<4x8xf32> zero
      graph.weight_decl @up : !graph.weight<512x4xf32> {file = "m", bytes = 8192 : i64}
      graph.weight_decl @down : !graph.weight<8x512xf32> {file = "m", bytes = 16384 : i64}
      graph.weight_decl @head : !graph.weight<16x8xf32> {file = "m", bytes = 512 : i64}
      func.func @train_row(%ids: tensor<?xi32>, %labels: tensor<?xi32>) {
        %a = train.value @a : !train.adapter<4x8xf32>
        %g = train.gradient @a : !train.adapter<4x8xf32>
        %up = graph.weight @up : !graph.weight<512x4xf32>
        %down = graph.weight @down : !graph.weight<8x512xf32>
        %head = graph.weight @head : !graph.weight<16x8xf32>
        %x = graph.embedding %ids, %head
            : (tensor<?xi32>, !graph.weight<16x8xf32>) -> tensor<?x8xf32>
        %h = train.lora_down %x, %a
            : (tensor<?x8xf32>, !train.adapter<4x8xf32>) -> tensor<?x4xf32>
        %u = graph.linear %h, %up
            : (tensor<?x4xf32>, !graph.weight<512x4xf32>) -> tensor<?x512xf32>
        %v = graph.activation %u {kind = #graph<kind silu>}
            : (tensor<?x512xf32>) -> tensor<?x512xf32>
        %y = graph.linear %v, %down
            : (tensor<?x512xf32>, !graph.weight<8x512xf32>) -> tensor<?x8xf32>
        %dy = train.linear_cross_entropy %y, %head, %labels
            : (tensor<?x8xf32>, !graph.weight<16x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
        %dv = graph.linear_backward %dy, %down
            : (tensor<?x8xf32>, !graph.weight<8x512xf32>) -> tensor<?x512xf32>
        %du = graph.activation_backward %dv, %u {kind = #graph<kind silu>}
            : (tensor<?x512xf32>, tensor<?x512xf32>) -> tensor<?x512xf32>
        %dh = graph.linear_backward %du, %up
            : (tensor<?x512xf32>, !graph.weight<512x4xf32>) -> tensor<?x4xf32>
        train.accumulate_outer %dh, %x, %g
            : tensor<?x4xf32>, tensor<?x8xf32>, !train.adapter<4x8xf32>
        return
      }
    }
    ```
    ```mlir
    module attributes {plan.max_tokens = 64 : i64, plan.device = #plan.device<
        triple = "x86_64-linux-musl", features = "", vector_floats = 16, tile_rows = 8,
        tile_vectors = 2, contraction_block = 512, panel_group = 8, max_threads = 1,
        mflops = 10000, memory_mbps = 10000>} {
      train.parameter @a : !train.adapter<4x8xf32> zero
      graph.weight_decl @up : !graph.weight<512x4xf32> {bytes = 8192 : i64, file = "m"}
      graph.weight_decl @down : !graph.weight<8x512xf32> {bytes = 16384 : i64, file = "m"}
      graph.weight_decl @head : !graph.weight<16x8xf32> {bytes = 512 : i64, file = "m"}
      func.func @train_row(%arg0: tensor<?xi32>, %arg1: tensor<?xi32>) {
        %0 = train.value @a : <4x8xf32>
        %1 = train.gradient @a : <4x8xf32>
        %2 = graph.weight @up : <512x4xf32>
        %3 = graph.weight @down : <8x512xf32>
        %4 = graph.weight @head : <16x8xf32>
        %5 = graph.embedding %arg0, %4 : (tensor<?xi32>, !graph.weight<16x8xf32>)
            -> tensor<?x8xf32>
        %6 = train.lora_down %5, %0 : (tensor<?x8xf32>, !train.adapter<4x8xf32>)
            -> tensor<?x4xf32>
        %7 = graph.linear %6, %2 : (tensor<?x4xf32>, !graph.weight<512x4xf32>)
            -> tensor<?x512xf32>
        %8 = graph.activation %7 {kind = #graph<kind silu>} : (tensor<?x512xf32>)
            -> tensor<?x512xf32>
        %9 = graph.linear %8, %3 : (tensor<?x512xf32>, !graph.weight<8x512xf32>)
            -> tensor<?x8xf32>
        %10 = train.linear_cross_entropy %9, %4, %arg1
            : (tensor<?x8xf32>, !graph.weight<16x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
        %11 = graph.linear_backward %10, %3 : (tensor<?x8xf32>, !graph.weight<8x512xf32>)
            -> tensor<?x512xf32>
        %12 = graph.linear %6, %2 {plan.recomputed}
            : (tensor<?x4xf32>, !graph.weight<512x4xf32>) -> tensor<?x512xf32>
        %13 = graph.activation_backward %11, %12 {kind = #graph<kind silu>}
            : (tensor<?x512xf32>, tensor<?x512xf32>) -> tensor<?x512xf32>
        %14 = graph.linear_backward %13, %2 : (tensor<?x512xf32>, !graph.weight<512x4xf32>)
            -> tensor<?x4xf32>
        %15 = graph.embedding %arg0, %4 {plan.recomputed}
            : (tensor<?xi32>, !graph.weight<16x8xf32>) -> tensor<?x8xf32>
        train.accumulate_outer %14, %15, %1
            : tensor<?x4xf32>, tensor<?x8xf32>, !train.adapter<4x8xf32>
        return
      }
    }
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
    Input: ordered tensor SSA (verify-ordered) in a module with `plan.max_tokens` and
    `plan.device`. Output: plan.slot and plan.run (verify-planned) and the module
    attributes `plan.arena_bytes` and `plan.slots_offset`. Operations and their order
    stay; a commutative one may have its operands exchanged so that its result
    overwrites the dying one. Arguments become slots at fixed offsets.
    Assumes: every declared weight and parameter is used by a program.
    Cost: the offset search, `search-nodes` at most.

    Before and after `--plan-allocate-slots`:

    ```mlir
    module attributes {plan.max_tokens = 64 : i64, plan.device = #plan.device<
        triple = "x86_64-linux-musl", features = "", vector_floats = 16, tile_rows = 8,
        tile_vectors = 2, contraction_block = 512, panel_group = 8, max_threads = 1,
        mflops = 10000, memory_mbps = 10000>} {
      func.func @eval_row(%ids: tensor<?xi32>) {
        %x = graph.rope_table %ids {frequencies = array<f32: 1.0, 0.5>}
            : (tensor<?xi32>) -> tensor<?x4xf32>
        %y = graph.scale %x {factor = 2.0 : f32} : (tensor<?x4xf32>) -> tensor<?x4xf32>
        return
      }
    }
    ```
    ```mlir
    module attributes {plan.arena_bytes = 106496 : i64, plan.slots_offset = 102208 : i64,
        plan.max_tokens = 64 : i64, plan.device = #plan.device<
        triple = "x86_64-linux-musl", features = "", vector_floats = 16, tile_rows = 8,
        tile_vectors = 2, contraction_block = 512, panel_group = 8, max_threads = 1,
        mflops = 10000, memory_mbps = 10000>} {
      func.func @eval_row() {
        %0 = plan.slot {bytes = 256 : i64, offset = 0 : i64} : <tensor<?xi32>>
        %1 = plan.slot {bytes = 1024 : i64, offset = 102208 : i64} : <tensor<?x4xf32>>
        plan.run ins(%0 : !plan.slot<tensor<?xi32>>)
            outs(%1 : !plan.slot<tensor<?x4xf32>>) {
        ^bb0(%arg0: tensor<?xi32>):
          %3 = graph.rope_table %arg0 {frequencies = array<f32: 1.000000e+00, 5.000000e-01>}
              : (tensor<?xi32>) -> tensor<?x4xf32>
          plan.yield %3 : tensor<?x4xf32>
        }
        %2 = plan.slot {bytes = 1024 : i64, offset = 102208 : i64} : <tensor<?x4xf32>>
        plan.run ins(%1 : !plan.slot<tensor<?x4xf32>>)
            outs(%2 : !plan.slot<tensor<?x4xf32>>) {
        ^bb0(%arg0: tensor<?x4xf32>):
          %3 = graph.scale %arg0 {factor = 2.000000e+00 : f32} : (tensor<?x4xf32>)
              -> tensor<?x4xf32>
          plan.yield %3 : tensor<?x4xf32>
        }
        return
      }
    }
    ```
  }];
  let options = [
    Option<"momentArrays", "moments", "int64_t", "2",
           "optimizer moments per parameter">,
    Option<"poison", "poison", "bool", "false", "fill dead bytes with NaN">,
    Option<"searchNodes", "search-nodes", "int64_t", "100000",
           "nodes that an exact offset search may visit">];
  let statistics = [
    Statistic<"numShared", "num-shared",
              "tensors that took the bytes of an operand">,
    Statistic<"numExchanged", "num-exchanged",
              "operations whose operands were exchanged for it">];
  let dependentDialects = ["::neap::plan::PlanDialect"];
}

def VerifyOrderedPass : Pass<"verify-ordered", "::mlir::ModuleOp"> {
  let summary = "check that programs are ordered tensor SSA";
  let description = [{
    Input: what planning may start from. Output: the same, or a diagnostic.
    (1) Functions have one block and return nothing; (2) operations have no regions
    and say what effects they have; (3) operands and results are handles or ranked
    tensors whose only dynamic dimension is the first; (4) there is at most one loss;
    (5) nothing is planned yet.
    Assumes: nothing beyond valid IR.
    Cost: linear in the module.

    Accepted and refused by `--verify-ordered`:

    ```mlir
    func.func @f(%x: tensor<?x8xf32>) {
      %y = graph.scale %x {factor = 2.0 : f32} : (tensor<?x8xf32>) -> tensor<?x8xf32>
      return
    }
    ```
    ```mlir
    func.func @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32> { // returns a tensor
      %y = graph.scale %x {factor = 2.0 : f32} : (tensor<?x8xf32>) -> tensor<?x8xf32>
      return %y : tensor<?x8xf32>
    }
    ```
  }];
}

def VerifyPlannedPass : Pass<"verify-planned", "::mlir::ModuleOp"> {
  let summary = "recompute liveness of slots and check that none overlap";
  let description = [{
    Input: plan.slot and plan.run (plan-allocate-slots). Output: the same, or a
    diagnostic. The checks are those of VerifyPlanned.h: liveness is computed again
    from the plan.run operations alone, and no two slots alive at once may overlap.
    Assumes: nothing beyond valid IR.
    Cost: O(n log n) in slots, times the slots alive at once.

    Accepted and refused by `--verify-planned`:

    ```mlir
    module attributes {plan.arena_bytes = 4096 : i64, plan.slots_offset = 256 : i64} {
      func.func @f() {
        %ids = plan.slot {offset = 0 : i64, bytes = 64 : i64} : !plan.slot<tensor<16xi32>>
        %x = plan.slot {offset = 256 : i64, bytes = 256 : i64} : !plan.slot<tensor<?x4xf32>>
        plan.run ins(%ids : !plan.slot<tensor<16xi32>>)
            outs(%x : !plan.slot<tensor<?x4xf32>>) {
        ^bb0(%i: tensor<16xi32>):
          %0 = graph.rope_table %i {frequencies = array<f32: 1.0, 0.5>}
              : (tensor<16xi32>) -> tensor<?x4xf32>
          plan.yield %0 : tensor<?x4xf32>
        }
        return
      }
    }
    ```
    ```mlir
    module attributes {plan.arena_bytes = 4096 : i64, plan.slots_offset = 256 : i64} {
      func.func @f() {
        %ids = plan.slot {offset = 0 : i64, bytes = 64 : i64} : !plan.slot<tensor<16xi32>>
        %x = plan.slot {offset = 0 : i64, bytes = 256 : i64} : !plan.slot<tensor<?x4xf32>>
        plan.run ins(%ids : !plan.slot<tensor<16xi32>>)
            outs(%x : !plan.slot<tensor<?x4xf32>>) { // into an input
        ^bb0(%i: tensor<16xi32>):
          %0 = graph.rope_table %i {frequencies = array<f32: 1.0, 0.5>}
              : (tensor<16xi32>) -> tensor<?x4xf32>
          plan.yield %0 : tensor<?x4xf32>
        }
        return
      }
    }
    ```
  }];
}

#endif
