//===- RematJson.cpp - Graph problems and schedules as JSON ---------------===//

#include "tools/neap-solve/RematJson.h"

#include <nlohmann/json.hpp>

#include <fstream>
#include <map>
#include <stdexcept>

namespace neap {
namespace {

using Json = nlohmann::json;

[[noreturn]] void fail(const std::string &place, const std::string &expected,
                       const std::string &found) {
  throw std::runtime_error(place + ": expected " + expected + ", but found " +
                           found);
}

std::string shown(const Json &value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() <= 40 ? text : text.substr(0, 37) + "...";
}

const Json &field(const Json &node, const char *name,
                  const std::string &place) {
  auto found = node.find(name);
  if (found == node.end())
    fail(place, "a field '" + std::string(name) + "'", "none");
  return *found;
}

int64_t integerOf(const Json &value, const std::string &place) {
  bool tooLarge =
      value.is_number_unsigned() && value.get<uint64_t>() > uint64_t(INT64_MAX);
  if (!value.is_number_integer() || tooLarge)
    fail(place, "an integer", shown(value));
  return value.get<int64_t>();
}

int64_t sizeOf(const Json &value, const std::string &place) {
  int64_t size = integerOf(value, place);
  if (size < 0)
    fail(place, "a number of bytes", shown(value));
  return size;
}

bool flagOf(const Json &node, const char *name, const std::string &place) {
  auto found = node.find(name);
  if (found == node.end())
    return true;
  if (!found->is_boolean())
    fail(place + "." + name, "true or false", shown(*found));
  return found->get<bool>();
}

RematNode readNode(const Json &json, const std::string &place,
                   const std::map<int64_t, int> &indices) {
  if (!json.is_object())
    fail(place, "an object", shown(json));
  RematNode node;
  node.id = integerOf(field(json, "id", place), place + ".id");
  node.bytes = sizeOf(field(json, "bytes", place), place + ".bytes");
  const Json &cost = field(json, "flop", place);
  if (!cost.is_number() || !(cost.get<double>() >= 0))
    fail(place + ".flop", "a number from 0 on", shown(cost));
  node.cost = cost.get<double>();
  if (auto scratch = json.find("scratch"); scratch != json.end())
    node.scratchBytes = sizeOf(*scratch, place + ".scratch");
  node.required = flagOf(json, "required", place);
  node.rerunnable = flagOf(json, "rerunnable", place);
  const Json &deps = field(json, "deps", place);
  if (!deps.is_array())
    fail(place + ".deps", "an array", shown(deps));
  for (size_t i = 0; i < deps.size(); ++i) {
    std::string depPlace = place + ".deps[" + std::to_string(i) + "]";
    auto dep = indices.find(integerOf(deps[i], depPlace));
    if (dep == indices.end())
      fail(depPlace, "the id of an earlier node", shown(deps[i]));
    node.deps.push_back(dep->second);
  }
  return node;
}

RematProblem readProblem(const Json &json) {
  if (!json.is_object())
    fail("$", "an object", shown(json));
  const Json &nodes = field(json, "nodes", "$");
  if (!nodes.is_array())
    fail("$.nodes", "an array", shown(nodes));
  RematProblem problem;
  std::map<int64_t, int> indices;
  for (size_t i = 0; i < nodes.size(); ++i) {
    std::string place = "$.nodes[" + std::to_string(i) + "]";
    problem.nodes.push_back(readNode(nodes[i], place, indices));
    if (!indices.emplace(problem.nodes.back().id, int(i)).second)
      fail(place + ".id", "an id of its own",
           std::to_string(problem.nodes.back().id) + " again");
  }
  return problem;
}

} // namespace

std::optional<RematProblem> readRematJson(const std::string &path,
                                          std::string &error) {
  std::ifstream input(path, std::ios::binary);
  if (!input) {
    error = path + ": cannot be opened";
    return std::nullopt;
  }
  try {
    return readProblem(Json::parse(input));
  } catch (const Json::parse_error &exception) {
    error = path + ": not JSON: found an error at byte " +
            std::to_string(exception.byte);
  } catch (const std::exception &exception) {
    error = path + ": " + exception.what();
  }
  return std::nullopt;
}

std::string renderRematJson(const RematProblem &problem,
                            const RematSolution &solution,
                            const std::string &summary) {
  std::string text = summary.substr(0, summary.size() - 1) + ",\n\"steps\":[";
  const char *separator = "\n";
  for (const RematStep &step : solution.steps) {
    text += separator;
    text += step.drop ? "{\"drop\":" : "{\"compute\":";
    text += std::to_string(problem.nodes[step.node].id) + '}';
    separator = ",\n";
  }
  return text + "\n]}\n";
}

} // namespace neap
