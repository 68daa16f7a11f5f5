// The graph dialect: the closed set of pure tensor operations that every model
// is imported or raised to. Rationale: docs/rationale-graph.md.
//
// Conventions. Activations are `tensor<?xNxf32>`: one row of T tokens (T is a
// run-time value up to the module's maximum), N features. Heads lie side by
// side in the feature dimension (head h owns columns [h*D, (h+1)*D)), so
// attention needs no transposition. Frozen weights are `!graph.weight` handles.
// In formulas t runs over tokens, n and k over features.
//
// The operations are in GraphForwardOps.td and GraphBackwardOps.td.
#ifndef NEAP_GRAPH_OPS_TD
#define NEAP_GRAPH_OPS_TD

include "dialects/Graph/GraphBackwardOps.td"

#endif
