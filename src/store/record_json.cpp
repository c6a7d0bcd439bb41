#include "store/record_json.h"

namespace deltascape::store {
namespace {

void read(const nlohmann::json& json, const char* key, std::string& out) {
  const auto found = json.find(key);
  if (found != json.end() && found->is_string()) out = found->get<std::string>();
}

void read(const nlohmann::json& json, const char* key, double& out) {
  const auto found = json.find(key);
  if (found != json.end() && found->is_number()) out = found->get<double>();
}

void read(const nlohmann::json& json, const char* key, bool& out) {
  const auto found = json.find(key);
  if (found != json.end() && found->is_boolean()) out = found->get<bool>();
}

nlohmann::json number(std::optional<double> value) { return value ? nlohmann::json(*value) : nlohmann::json(); }

}  // namespace

nlohmann::json space_json(const Space& space) {
  nlohmann::json out = space.parameters;
  out.update({{"base", space.base},
              {"base_name", space.base_name},
              {"tokenizer", space.tokenizer},
              {"representation", space.representation}});
  return out;
}

nlohmann::json facts_json(const Record& r) {
  nlohmann::json cluster;
  if (r.cluster) cluster = {{"id", *r.cluster}, {"name", r.cluster_name}};
  nlohmann::json out = {{"name", r.name},
                        {"label", r.label},
                        {"path", r.path},
                        {"aliases", r.aliases},
                        {"cluster", std::move(cluster)},
                        {"variant_hash", r.variant_hash},
                        {"program_version", r.program_version},
                        {"device", r.device},
                        {"precision", r.precision},
                        {"created", r.created},
                        {"norm", r.norm},
                        {"relative_norm", number(known_relative_norm(r))},
                        {"numeric_error", number(known_numeric_error(r))},
                        {"no_effect", r.no_effect}};
  if (r.space.base.empty()) out["base_name"] = r.space.base_name;  // not the space's
  return out;
}

void read_space(const nlohmann::json& json, Space& out) {
  for (const auto& [name, value] : json.items()) {
    if (!value.is_string()) continue;
    if (name == "base") out.base = value;
    else if (name == "base_name") out.base_name = value;
    else if (name == "tokenizer") out.tokenizer = value;
    else if (name == "representation") out.representation = value;
    else out.parameters[name] = value;
  }
}

void read_facts(const nlohmann::json& json, Record& out) {
  read(json, "label", out.label);
  read(json, "path", out.path);
  if (const auto aliases = json.find("aliases"); aliases != json.end() && aliases->is_array())
    for (const auto& alias : *aliases)
      if (alias.is_string()) out.aliases.push_back(alias.get<std::string>());
  read(json, "variant_hash", out.variant_hash);
  read(json, "program_version", out.program_version);
  read(json, "device", out.device);
  read(json, "precision", out.precision);
  read(json, "created", out.created);
  read(json, "norm", out.norm);
  read(json, "relative_norm", out.relative_norm);
  read(json, "numeric_error", out.numeric_error);
  read(json, "no_effect", out.no_effect);
  read(json, "base_name", out.space.base_name);
}

}  // namespace deltascape::store
