#include "test/Grad/OpCases.h"

#include "dialects/Graph/GraphDialect.h"

namespace neap::test {

static std::vector<OpCase> makeLinearCases() {
  return {{"linear",
           {{"x", 6}},
           {{"w", 6, 4}},
           "%y = graph.linear %x, %w : (!t6, !w) -> !t4",
           4},
          {"linear_bias",
           {{"x", 6}},
           {{"w", 6, 4}, {"b", 4}},
           "%y = graph.linear %x, %w, %b : (!t6, !w, !b) -> !t4",
           4},
          {"linear_residual",
           {{"x", 6}},
           {{"w", 6, 6}},
           "%l = graph.linear %x, %w : (!t6, !w) -> !t6 "
           "%y = graph.add %x, %l : (!t6, !t6) -> !t6",
           6},
          {"lora_down",
           {{"x", 6}, {"f", 6, 3}},
           {},
           "%y = train.lora_down %x, %f {scale = 1.5 : f32} : (!t6, !f) -> !t3",
           3},
          {"lora_up",
           {{"h", 3}, {"f", 6, 3}},
           {},
           "%y = train.lora_up %h, %f {scale = 1.5 : f32} : (!t3, !f) -> !t6",
           6},
          {"lora_up_base",
           {{"h", 3}, {"f", 6, 3}, {"base", 6}},
           {},
           "%y = train.lora_up %h, %f, %base {scale = 1.5 : f32} "
           ": (!t3, !f, !t6) -> !t6",
           6},
          {"adapted_linear",
           {{"x", 6}, {"a", 6, 2}, {"b", 5, 2}},
           {{"w", 6, 5}},
           "%l = graph.linear %x, %w : (!t6, !w) -> !t5 "
           "%d = train.dropout %x {probability = 0.25 : f32, stream = 2 : i64} "
           ": (!t6) -> !t6 "
           "%h = train.lora_down %d, %a : (!t6, !a) -> !t2 "
           "%y = train.lora_up %h, %b, %l {scale = 2.0 : f32} "
           ": (!t2, !b, !t5) -> !t5",
           5},
          {"dropout",
           {{"x", 8}},
           {},
           "%y = train.dropout %x {probability = 0.4 : f32, stream = 3 : i64} "
           ": (!t8) -> !t8",
           8}};
}

static std::vector<OpCase> makeNormCases() {
  return {{"rms_norm",
           {{"x", 6}},
           {{"w", 6}},
           "%y = graph.rms_norm %x, %w {epsilon = 0.1 : f32} "
           ": (!t6, !w) -> !t6",
           6},
          {"rms_norm_residual",
           {{"x", 6}},
           {{"w", 6}},
           "%n = graph.rms_norm %x, %w {epsilon = 0.1 : f32} "
           ": (!t6, !w) -> !t6 "
           "%y = graph.add %x, %n : (!t6, !t6) -> !t6",
           6},
          {"layer_norm",
           {{"x", 6}},
           {{"w", 6}},
           "%y = graph.layer_norm %x, %w {epsilon = 0.1 : f32} "
           ": (!t6, !w) -> !t6",
           6},
          {"layer_norm_bias_residual",
           {{"x", 6}},
           {{"w", 6}, {"b", 6}},
           "%n = graph.layer_norm %x, %w, %b {epsilon = 0.1 : f32} "
           ": (!t6, !w, !b) -> !t6 "
           "%y = graph.add %x, %n : (!t6, !t6) -> !t6",
           6}};
}

/// `columns` of the table are angles of half as many frequencies.
static OpCase makeRopeCase(const std::string &name,
                           const std::string &frequencies, int64_t columns,
                           const std::string &attributes) {
  std::string table = "!t" + std::to_string(columns);
  return {name,
          {{"x", 12}},
          {},
          "%table = graph.rope_table %ids {frequencies = array<f32: " +
              frequencies + ">, scale = 1.25 : f32} : (tensor<?xi32>) -> " +
              table +
              " %y = graph.rope %x, %table {heads = 2 : i64, "
              "head_dim = 6 : i64" +
              attributes + "} : (!t12, " + table + ") -> !t12",
          12};
}

static std::vector<OpCase> makeAttentionCases() {
  return {
      makeRopeCase("rope_half", "1.0, 0.5, 0.2", 6, ""),
      makeRopeCase("rope_interleaved", "1.0, 0.5, 0.2", 6, ", interleaved"),
      makeRopeCase("rope_half_partial", "1.0, 0.3", 4, ""),
      makeRopeCase("rope_interleaved_partial", "1.0, 0.3", 4, ", interleaved"),
      makeRopeCase("rope_inverse", "1.0, 0.5, 0.2", 6, ", inverse"),
      {"attention",
       {{"q", 4}, {"k", 4}, {"v", 4}},
       {},
       "%y, %lse = graph.attention %q, %k, %v {heads = 1 : i64, "
       "kv_heads = 1 : i64, head_dim = 4 : i64, scale = 0.5 : f32} "
       ": (!t4, !t4, !t4) -> (!t4, !t1)",
       4},
      {"attention_grouped",
       {{"q", 12}, {"k", 6}, {"v", 6}},
       {},
       "%y, %lse = graph.attention %q, %k, %v {heads = 4 : i64, "
       "kv_heads = 2 : i64, head_dim = 3 : i64, scale = 0.7 : f32} "
       ": (!t12, !t6, !t6) -> (!t12, !t4)",
       12},
      {"attention_of_one_value",
       {{"x", 6}},
       {},
       "%y, %lse = graph.attention %x, %x, %x {heads = 2 : i64, "
       "kv_heads = 2 : i64, head_dim = 3 : i64, scale = 0.6 : f32} "
       ": (!t6, !t6, !t6) -> (!t6, !t2)",
       6}};
}

/// One case of `activation` and one of `glu` for every kind there is.
static std::vector<OpCase> makeActivationCases() {
  std::vector<OpCase> cases;
  for (uint32_t i = 0; i <= graph::getMaxEnumValForActivationKind(); ++i)
    if (auto kind = graph::symbolizeActivationKind(i)) {
      std::string name = graph::stringifyActivationKind(*kind).str();
      std::string attribute = " {kind = #graph<kind " + name + ">} : ";
      cases.push_back({"activation_" + name,
                       {{"x", 6}},
                       {},
                       "%y = graph.activation %x" + attribute + "(!t6) -> !t6",
                       6});
      cases.push_back(
          {"glu_" + name,
           {{"gate", 6}, {"up", 6}},
           {},
           "%y = graph.glu %gate, %up" + attribute + "(!t6, !t6) -> !t6",
           6});
    }
  return cases;
}

static std::vector<OpCase> makeElementwiseCases() {
  return {{"add",
           {{"a", 6}, {"b", 6}},
           {},
           "%y = graph.add %a, %b : (!t6, !t6) -> !t6",
           6},
          {"add_to_itself",
           {{"a", 6}},
           {},
           "%y = graph.add %a, %a : (!t6, !t6) -> !t6",
           6},
          {"mul",
           {{"a", 6}, {"b", 6}},
           {},
           "%y = graph.mul %a, %b : (!t6, !t6) -> !t6",
           6},
          {"square",
           {{"a", 6}},
           {},
           "%y = graph.mul %a, %a : (!t6, !t6) -> !t6",
           6},
          {"scale",
           {{"x", 6}},
           {},
           "%y = graph.scale %x {factor = 0.3 : f32} : (!t6) -> !t6",
           6},
          {"many_uses",
           {{"x", 6}},
           {{"w", 6, 6}},
           "%s = graph.scale %x {factor = 0.3 : f32} : (!t6) -> !t6 "
           "%l = graph.linear %x, %w : (!t6, !w) -> !t6 "
           "%m = graph.mul %l, %x : (!t6, !t6) -> !t6 "
           "%n = graph.add %s, %m : (!t6, !t6) -> !t6 "
           "%y = graph.add %n, %l : (!t6, !t6) -> !t6",
           6}};
}

static std::vector<OpCase> makeColumnCases() {
  return {{"slice_columns",
           {{"x", 7}},
           {},
           "%y = graph.slice_columns %x {offset = 2 : i64} : (!t7) -> !t4",
           4},
          {"slices_that_overlap",
           {{"x", 7}},
           {},
           "%a = graph.slice_columns %x {offset = 0 : i64} : (!t7) -> !t5 "
           "%b = graph.slice_columns %x {offset = 2 : i64} : (!t7) -> !t5 "
           "%y = graph.mul %a, %b : (!t5, !t5) -> !t5",
           5},
          {"slices_that_cover",
           {{"x", 7}},
           {},
           "%a = graph.slice_columns %x {offset = 0 : i64} : (!t7) -> !t3 "
           "%b = graph.slice_columns %x {offset = 3 : i64} : (!t7) -> !t4 "
           "%y = graph.concat_columns %b, %a : (!t4, !t3) -> !t7",
           7},
          {"concat_columns",
           {{"a", 2}, {"b", 5}, {"c", 3}},
           {},
           "%y = graph.concat_columns %a, %b, %c : (!t2, !t5, !t3) -> !t10",
           10},
          {"concat_with_itself",
           {{"a", 2}, {"b", 3}},
           {},
           "%y = graph.concat_columns %a, %b, %a : (!t2, !t3, !t2) -> !t7",
           7}};
}

/// Ops without a gradient, beside an active value.
static std::vector<OpCase> makeTokenCases() {
  return {{"embedding",
           {{"x", 6}},
           {{"table", 6, kVocabulary}},
           "%e = graph.embedding %ids, %table : (tensor<?xi32>, !table) -> !t6 "
           "%y = graph.mul %x, %e : (!t6, !t6) -> !t6",
           6},
          {"position_embedding",
           {{"x", 6}},
           {{"table", 6, 16}},
           "%e = graph.position_embedding %ids, %table "
           ": (tensor<?xi32>, !table) -> !t6 "
           "%y = graph.mul %x, %e : (!t6, !t6) -> !t6",
           6}};
}

static std::vector<OpCase> makeLossCases() {
  return {{"linear_cross_entropy",
           {{"x", 5}},
           {{"w", 5, kVocabulary}},
           "%d = train.linear_cross_entropy %x, %w, %labels "
           ": (!t5, !w, tensor<?xi32>) -> !t5"},
          {"linear_cross_entropy_bias",
           {{"x", 5}},
           {{"w", 5, kVocabulary}, {"b", kVocabulary}},
           "%d = train.linear_cross_entropy %x, %w, %labels, %b "
           ": (!t5, !w, tensor<?xi32>, !b) -> !t5"}};
}

const std::vector<OpCase> &getOpCases() {
  static const std::vector<OpCase> all = [] {
    std::vector<OpCase> cases;
    for (auto make : {makeLinearCases, makeNormCases, makeAttentionCases,
                      makeActivationCases, makeElementwiseCases,
                      makeColumnCases, makeTokenCases, makeLossCases})
      for (OpCase &c : make())
        cases.push_back(std::move(c));
    return cases;
  }();
  return all;
}

} // namespace neap::test
