// Shared by the planner's tests: parsing, diagnostics and toy training jobs.
#ifndef NEAP_TEST_PASSES_PLANTESTING_H
#define NEAP_TEST_PASSES_PLANTESTING_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include "dialects/Plan/PlanDialect.h"
#include "test/Dialect/Toy/ToyDialect.h"

#include <gtest/gtest.h>
#include <string>

namespace neap::test {

class PlanTest : public ::testing::Test {
protected:
  PlanTest()
      : handler(&context, [this](mlir::Diagnostic &diagnostic) {
          messages += diagnostic.str() + "\n";
          for (mlir::Diagnostic &note : diagnostic.getNotes())
            messages += "note: " + note.str() + "\n";
        }) {
    context.loadDialect<mlir::func::FuncDialect, plan::PlanDialect,
                        toy::ToyDialect>();
  }

  mlir::OwningOpRef<mlir::ModuleOp> parse(const std::string &text) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module) << messages << text;
    return module;
  }

  mlir::MLIRContext context;
  std::string messages;
  mlir::ScopedDiagnosticHandler handler;
};

/// The attributes of a module for rows of `tokens` tokens; a FLOP takes a
/// nanosecond.
inline std::string moduleHeader(int tokens, int threads = 1) {
  return "module attributes {plan.max_tokens = " + std::to_string(tokens) +
         " : i64, plan.device = #plan.device<triple = \"x86_64-linux-musl\", "
         "features = \"\", vector_floats = 16, tile_rows = 8, tile_vectors = "
         "2, contraction_block = 512, panel_group = 8, max_threads = " +
         std::to_string(threads) + ", mflops = 1000, memory_mbps = 1000>}";
}

/// A chain of residual blocks and their backward part:
///   a = cheap(x); b = costly(a, table); c = cheap(b, c0); x' = x + c
///   backward: db = d(dx, b, a); accumulate(db, a); dx' = dx + d(db)
/// All tensors are tokens x 16 floats; side operands come from one table.
inline std::string toyJob(int tokens, int blocks) {
  const std::string t = "tensor<?x16xf32>", h = "!toy.handle<[4, 16], f32>";
  std::string text =
      moduleHeader(tokens, /*threads=*/2) + " {\n  toy.declare @w\n" +
      "  toy.declare @p\n  func.func @train_row(%ids: tensor<?xi32>, %labels: "
      "tensor<?xi32>) {\n";
  auto line = [&](const std::string &result, const std::string &rest) {
    text += "    " + (result.empty() ? "" : "%" + result + " = ") + rest + "\n";
  };
  line("w", "toy.handle \"weights\" @w : " + h);
  line("g", "toy.handle \"gradients\" @p : " + h);
  line("table", "toy.work %ids {flops = 10 : i64} : (tensor<?xi32>) -> " + t);
  line("x0", "toy.work %ids, %w : (tensor<?xi32>, " + h + ") -> " + t);
  for (int i = 0; i < blocks; ++i) {
    std::string n = std::to_string(i), next = std::to_string(i + 1);
    line("a" + n, "toy.work %x" + n + " {flops = 100 : i64} : (" + t + ") -> " +
                      t + " loc(\"/layers." + n + "/norm\")");
    line("b" + n, "toy.work %a" + n +
                      ", %table, %w {flops = 5000 : i64, scratch = 64 : i64, "
                      "side = array<i64: 1>} : (" +
                      t + ", " + t + ", " + h + ") -> " + t +
                      " loc(\"/layers." + n + "/mix\")");
    line("c" + n, "toy.work %b" + n + " {flops = 200 : i64} : (" + t + ") -> " +
                      t + " loc(\"/layers." + n + "/act\")");
    line("x" + next, "toy.sum %x" + n + ", %c" + n +
                         " {in_place = 0 : i64, flops = 10 : i64} : (" + t +
                         ", " + t + ") -> " + t);
  }
  std::string last = std::to_string(blocks);
  line("d" + last, "toy.loss %x" + last +
                       ", %labels {scratch = 128 : i64} : (" + t +
                       ", tensor<?xi32>) -> " + t);
  for (int i = blocks; i-- > 0;) {
    std::string n = std::to_string(i), next = std::to_string(i + 1);
    line("dc" + n, "toy.work %d" + next + ", %b" + n + ", %c" + n + " : (" + t +
                       ", " + t + ", " + t + ") -> " + t);
    line("db" + n, "toy.work %dc" + n + ", %table, %a" + n +
                       " {scratch = 64 : "
                       "i64} : (" +
                       t + ", " + t + ", " + t + ") -> " + t);
    line("da" + n, "toy.work %db" + n + ", %x" + n + ", %d" + next +
                       " {in_place = 2 : i64} : (" + t + ", " + t + ", " + t +
                       ") -> " + t);
    line("", "toy.accumulate %db" + n + ", %a" + n + ", %g : " + t + ", " + t +
                 ", " + h);
    line("d" + n,
         "toy.sum %da" + n + ", %da" + n + " : (" + t + ", " + t + ") -> " + t);
  }
  text += "    return\n  }\n  func.func @update() {\n    toy.accumulate\n    "
          "return\n  }\n}\n";
  return text;
}

} // namespace neap::test
#endif
