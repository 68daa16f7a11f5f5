// verify-ordered and verify-planned on deliberately broken IR.
#include "PlanTesting.h"

#include "passes/Verify/VerifyOrdered.h"
#include "passes/Verify/VerifyPlanned.h"

using namespace mlir;
using namespace neap;
using namespace neap::test;

namespace {

class VerifyPlanTest : public PlanTest {
protected:
  /// Slots are "%NAME = offset bytes"; runs are the body of the function.
  std::string verifyPlannedBody(const std::string &body) {
    messages.clear();
    OwningOpRef<ModuleOp> module =
        parse("module attributes {plan.arena_bytes = 1024 : i64, "
              "plan.slots_offset = 128 : i64} { func.func @f() {" +
              body + " return } }");
    if (module && succeeded(verifyPlanned(*module)))
      return "ok";
    return messages;
  }

  static std::string slot(const std::string &name, int offset, int bytes = 64) {
    return "%" + name + " = plan.slot {offset = " + std::to_string(offset) +
           " : i64, bytes = " + std::to_string(bytes) +
           " : i64} : !plan.slot<tensor<16xf32>>\n";
  }
  /// Runs an op that reads `inputs` and writes `outputs` (0 or 1).
  static std::string run(const std::vector<std::string> &inputs,
                         const std::string &output,
                         const std::string &attributes = "",
                         const std::string &scratch = "") {
    const std::string s = "!plan.slot<tensor<16xf32>>", t = "tensor<16xf32>";
    std::string values, types, arguments, names, tensors;
    for (size_t i = 0; i < inputs.size(); ++i) {
      std::string comma = i ? ", " : "";
      values += comma + "%" + inputs[i];
      types += comma + s;
      names += comma + "%x" + std::to_string(i);
      arguments += comma + "%x" + std::to_string(i) + ": " + t;
      tensors += comma + t;
    }
    std::string text = "plan.run ";
    if (!inputs.empty())
      text += "ins(" + values + " : " + types + ") ";
    if (!output.empty())
      text += "outs(%" + output + " : " + s + ") ";
    if (!scratch.empty())
      text += "scratch(%" + scratch + " : " + s + ") ";
    text += "{\n";
    if (!inputs.empty())
      text += "^bb0(" + arguments + "):\n";
    text += (output.empty() ? "" : "%r = ") + std::string("toy.work ") + names +
            " {" + attributes + "} : (" + tensors + ") -> (" +
            (output.empty() ? "" : t) + ")\nplan.yield " +
            (output.empty() ? "" : "%r : " + t) + "\n}\n";
    return text;
  }
};

TEST_F(VerifyPlanTest, AcceptsASoundPlan) {
  EXPECT_EQ(verifyPlannedBody(slot("in", 0) + slot("a", 128) + slot("b", 192) +
                              slot("c", 128) + run({"in"}, "a") +
                              run({"a"}, "b") + run({"b"}, "c") +
                              run({"c"}, "")),
            "ok");
}

TEST_F(VerifyPlanTest, FindsOverlaps) {
  std::string text = verifyPlannedBody(slot("in", 0) + slot("a", 128, 128) +
                                       slot("b", 192) + run({"in"}, "a") +
                                       run({"in"}, "b") + run({"a", "b"}, ""));
  EXPECT_NE(text.find("writes [192, 256), but [128, 256) is alive"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("needed until run #2"), std::string::npos) << text;
}

TEST_F(VerifyPlanTest, FindsScratchOverALiveSlot) {
  std::string text = verifyPlannedBody(
      slot("in", 0) + slot("a", 128) + slot("s", 128) + slot("b", 192) +
      run({"in"}, "a") + run({"in"}, "b", "", "s") + run({"a"}, ""));
  EXPECT_NE(text.find("writes [128, 192), but [128, 192) is alive"),
            std::string::npos)
      << text;
}

TEST_F(VerifyPlanTest, AcceptsPermittedOverwriting) {
  std::string slots = slot("in", 0) + slot("a", 128) + slot("b", 128);
  EXPECT_EQ(verifyPlannedBody(slots + run({"in"}, "a") +
                              run({"a"}, "b", "in_place = 0 : i64") +
                              run({"b"}, "")),
            "ok");
  // Without permission, or if the operand is still needed, or read twice.
  EXPECT_NE(verifyPlannedBody(slots + run({"in"}, "a") + run({"a"}, "b")),
            "ok");
  EXPECT_NE(verifyPlannedBody(slots + run({"in"}, "a") +
                              run({"a"}, "b", "in_place = 0 : i64") +
                              run({"a"}, "")),
            "ok");
  EXPECT_NE(verifyPlannedBody(slots + run({"in"}, "a") +
                              run({"a", "a"}, "b", "in_place = 0 : i64")),
            "ok");
}

TEST_F(VerifyPlanTest, ViewsKeepTheirBytesAlive) {
  std::string start = slot("in", 0) + slot("a", 128) + slot("v", 128) +
                      slot("b", 128) + run({"in"}, "a") +
                      run({"a"}, "v", "view = 0 : i64");
  EXPECT_EQ(verifyPlannedBody(start + run({"v"}, "") + run({"in"}, "b")), "ok");
  std::string text =
      verifyPlannedBody(start + run({"in"}, "b") + run({"v"}, ""));
  EXPECT_NE(text.find("writes [128, 192), but [128, 192) is alive"),
            std::string::npos)
      << text;
}

TEST_F(VerifyPlanTest, FindsReadsOfUnwrittenBytes) {
  std::string text = verifyPlannedBody(slot("a", 128) + run({"a"}, ""));
  EXPECT_NE(text.find("reads a slot at offset 128 that nothing has written"),
            std::string::npos)
      << text;
}

TEST_F(VerifyPlanTest, FindsSecondWrites) {
  std::string text = verifyPlannedBody(slot("in", 0) + slot("a", 128) +
                                       run({"in"}, "a") + run({"in"}, "a"));
  EXPECT_NE(text.find("writes the slot at offset 128 a second time"),
            std::string::npos)
      << text;
}

TEST_F(VerifyPlanTest, FindsSlotsOutsideTheArena) {
  std::string text = verifyPlannedBody(slot("a", 960, 128));
  EXPECT_NE(text.find("expected to end within the arena of 1024 bytes, but "
                      "found an end of 1088"),
            std::string::npos)
      << text;
}

TEST_F(VerifyPlanTest, FindsWritesToInputs) {
  std::string text =
      verifyPlannedBody(slot("in", 0) + slot("a", 64) + run({"in"}, "a"));
  EXPECT_NE(text.find("writes offset 64, but slots start at 128"),
            std::string::npos)
      << text;
  text = verifyPlannedBody(slot("in", 64, 128));
  EXPECT_NE(text.find("expected to lie on one side"), std::string::npos)
      << text;
}

TEST_F(VerifyPlanTest, FindsPoisonOfLiveBytes) {
  std::string start =
      slot("in", 0) + slot("a", 128) + slot("p", 128) + run({"in"}, "a");
  std::string poison = "plan.poison %p : !plan.slot<tensor<16xf32>>\n";
  EXPECT_EQ(verifyPlannedBody(start + run({"a"}, "") + poison), "ok");
  std::string text = verifyPlannedBody(start + poison + run({"a"}, ""));
  EXPECT_NE(text.find("poisons [128, 192), but [128, 192) is alive"),
            std::string::npos)
      << text;
}

TEST_F(VerifyPlanTest, FindsTensorsInPlannedPrograms) {
  std::string text =
      verifyPlannedBody("%0 = toy.work : () -> tensor<16xf32>\n");
  EXPECT_NE(text.find("expected handles, slots, runs and poison"),
            std::string::npos)
      << text;
}

TEST_F(VerifyPlanTest, WantsTheArenaAttributes) {
  OwningOpRef<ModuleOp> module = parse("module { }");
  EXPECT_TRUE(failed(verifyPlanned(*module)));
  EXPECT_NE(messages.find("expected the attributes 'plan.arena_bytes'"),
            std::string::npos)
      << messages;
}

TEST_F(VerifyPlanTest, OrderedForm) {
  auto check = [&](const std::string &text) {
    messages.clear();
    OwningOpRef<ModuleOp> module = parse("module {" + text + "}");
    return module && succeeded(verifyOrdered(*module)) ? "ok" : messages;
  };
  auto expectMessage = [&](const std::string &text, const char *part) {
    std::string message = check(text);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  EXPECT_EQ(check("func.func @f(%a: tensor<?xi32>) { toy.accumulate return }"),
            "ok");
  expectMessage("func.func @f(%a: tensor<?xi32>) -> tensor<?xi32> { return %a "
                ": tensor<?xi32> }",
                "expected no results, but found 1");
  expectMessage("func.func @f() { \"toy.opaque\"() : () -> () return }",
                "expected its memory effects to be known");
  expectMessage("func.func @f() { \"toy.opaque\"() ({}) : () -> () return }",
                "expected no regions in ordered form, but found 1");
  expectMessage("func.func @f() { toy.work : () -> tensor<?x?xf32> return }",
                "expected result #0 to be a handle or a ranked tensor");
  expectMessage("func.func @f(%a: tensor<?xf32>) { "
                "%0 = toy.loss %a : (tensor<?xf32>) -> tensor<?xf32> "
                "%1 = toy.loss %a : (tensor<?xf32>) -> tensor<?xf32> return }",
                "is a second loss");
  expectMessage("func.func @f() { %0 = plan.slot {offset = 0 : i64, bytes = 64 "
                ": i64} : !plan.slot<tensor<16xf32>> return }",
                "is planned already");
}

} // namespace
