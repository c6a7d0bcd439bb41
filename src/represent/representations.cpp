#include <algorithm>
#include <sstream>

#include "core/text.h"
#include "represent/activations.h"
#include "represent/canonical.h"
#include "represent/flattened.h"
#include "represent/logits.h"
#include "represent/meaning.h"
#include "represent/outputs.h"
#include "represent/representation.h"
#include "represent/salient.h"
#include "represent/weight_parameters.h"

namespace deltascape::represent {
namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& expected, const std::string& found) {
  throw Error(ErrorCode::kUsage, what, {.field = option("representation"), .expected = expected, .found = found});
}

std::string names() {
  std::vector<std::string> out;
  for (const Representation& r : representations()) out.emplace_back(r.name);
  return listed(out);
}

std::string parameter_names(const Representation& row) {
  std::vector<std::string> out;
  for (const Parameter& p : row.parameters) out.push_back(std::string(p.name) + "=…");
  return out.empty() ? "no parameters" : listed(out);
}

void read_parameter(const Representation& row, const std::string& text, Parameters& out) {
  const std::size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  const auto found = std::ranges::find_if(row.parameters, [&](const Parameter& p) { return name == p.name; });
  if (equals == text.npos || found == row.parameters.end())
    refuse(std::string(row.name) + " has no such parameter", parameter_names(row), text);
  out[name] = found->canonical(text.substr(equals + 1));
}

}  // namespace

const std::vector<Representation>& representations() {
  static const std::vector<Representation> kTable = {
      {.name = "activations",
       .about = "mean shift of hidden states over the probes",
       .source = "Delta Activations, arXiv 2509.04442 §3",
       .parameters = {},
       .reads = {"layer", "position", "probes_file"},
       .vectors = activations},
      {.name = "logits",
       .about = "mean shift of the next token's logits after the probes",
       .source = "Delta Activations, arXiv 2509.04442 §4",
       .parameters = {},
       .reads = {"probes_file"},
       .vectors = logits},
      {.name = "meaning",
       .about = "shift of the likelihood of given continuations, by the byte; compares across bases",
       .source = "Delta Activations, arXiv 2509.04442 §4",
       .parameters = {},
       .reads = {"probes_file", "continuations_file"},
       .vectors = meaning},
      {.name = "outputs",
       .about = "mean shift of a sentence encoder's vectors of the answers to the probes",
       .source = "Sentence-BERT, arXiv 1908.10084",
       .parameters = {},
       .reads = {"probes_file", "encoder", "outputs_file"},
       .vectors = outputs},
      {.name = "flattened",
       .about = "changes of the weights laid end to end",
       .source = "Delta Activations, arXiv 2509.04442, a baseline of table 2",
       .parameters = {{"form", "delta", "delta: ΔW, of any adapters and models; factors: A and B of equal LoRA",
                       flattened_form},
                      all_parameter()},
       .reads = {},
       .products = flattened},
      {.name = "salient",
       .about = "which entries of the weights change most: overlap of the masks",
       .source = "Delta Activations, arXiv 2509.04442, a baseline of table 2",
       .parameters = {{"fraction", "0.01", "share of the entries that the mask has", salient_fraction},
                      all_parameter()},
       .reads = {},
       .products = salient},
      {.name = "canonical",
       .about = "singular directions of the changes, by module",
       .source = "after W2T, arXiv 2603.15990, untrained",
       .parameters = {{"rank", "32", "leading directions of a module that count", canonical_rank}, all_parameter()},
       .reads = {},
       .products = canonical},
  };
  return kTable;
}

Chosen representation_named(const std::string& text) {
  std::istringstream parts(text);
  std::string part;
  std::getline(parts, part, ',');
  const auto& table = representations();
  const auto row = std::ranges::find_if(table, [&](const Representation& r) { return part == r.name; });
  if (row == table.end()) refuse("no such representation", "one of " + names(), part);
  Chosen out{&*row, {}};
  for (const Parameter& p : row->parameters) out.parameters[p.name] = p.fallback;
  while (std::getline(parts, part, ',')) read_parameter(*row, part, out.parameters);
  return out;
}

std::string spelled(const store::Space& space) {
  std::string out = space.representation;
  const auto& table = representations();
  const auto row = std::ranges::find_if(table, [&](const Representation& r) { return space.representation == r.name; });
  if (row == table.end()) return out;
  for (const Parameter& p : row->parameters)
    if (const std::string& value = space.parameter(p.name); !value.empty() && value != p.fallback)
      out.append(",").append(p.name).append("=").append(value);
  return out;
}

}  // namespace deltascape::represent
