//===- RematJson.h - Graph problems and schedules as JSON -------*- C++ -*-===//

#ifndef NEAP_TOOLS_NEAPSOLVE_REMATJSON_H
#define NEAP_TOOLS_NEAPSOLVE_REMATJSON_H

#include "passes/Solvers/Remat.h"

#include <optional>
#include <string>

namespace neap {

/// Reads `{"nodes": [{"id", "bytes", "flop", "deps", ...}]}` as
/// docs/remat-solver.md describes it; budget and order are left alone. On
/// failure nothing, and `error` names the file and the place in it.
std::optional<RematProblem> readRematJson(const std::string &path,
                                          std::string &error);

/// The summary's fields and `"steps": [{"compute": id}, {"drop": id}]`.
std::string renderRematJson(const RematProblem &problem,
                            const RematSolution &solution,
                            const std::string &summary);

} // namespace neap

#endif // NEAP_TOOLS_NEAPSOLVE_REMATJSON_H
