// A space: what two embeddings have in common when they may be compared (docs/design.md §7.2).
#pragma once

#include <map>
#include <string>

namespace deltascape::store {

struct Space {
  std::string representation;  // "activations"
  // What the representation was made with, each value in its one canonical spelling. Of activations: "layer" ("last",
  // "12", "29-pre", "all"), "position" ("last", "mean", "weighted"), "probes" (hash of the texts). "similarity" says
  // that inner products are other than those of vectors: "jaccard", what two sets share.
  std::map<std::string, std::string> parameters;
  std::string base;       // identity hash of the base's weights
  std::string base_name;  // the base as it was named: for people, in no identity
  std::string tokenizer;  // identity hash of the base's tokenizer

  // The parameter's value; empty where the representation has no such parameter.
  const std::string& parameter(const std::string& name) const {
    static const std::string kNone;
    const auto found = parameters.find(name);
    return found == parameters.end() ? kNone : found->second;
  }
  // One text for one space: a JSON object of all but base_name, keys in order, with the version of this form.
  std::string canonical() const;
  // 128-bit XXH3 of canonical(), 32 hexadecimal digits. The same in every release.
  std::string hash() const;
};

// Representation and parameters as `embed` takes them, without layer, position and hashes: "salient,fraction=0.01".
std::string representation_of(const Space& space);

}  // namespace deltascape::store
