// Owns what is trained: the leaves of the graph, how a method begins, and what it writes.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "deltascape/train.h"
#include "lm/likelihood.h"

namespace deltascape::training {

// A leaf: of the type that training computes in, with a gradient.
struct Parameter {
  std::string name;
  at::Tensor value;
};

// The base with what is trained. Made anew for each pass: it holds the graph from the parameters.
struct Variant {
  engine::Operators operators;
  at::Tensor prefix;  // as engine::LikelihoodOptions
};

class Method {
 public:
  virtual ~Method() = default;
  const std::vector<Parameter>& parameters() const { return parameters_; }
  virtual Variant variant() const = 0;
  // The result as a folder that is not there yet.
  virtual void write(const std::filesystem::path& folder) const = 0;

 protected:
  at::Tensor add(std::string name, const at::Tensor& value);  // the leaf

 private:
  std::vector<Parameter> parameters_;
};

struct Start {
  const TrainOptions& options;
  engine::Weights& weights;    // outlives the method
  std::filesystem::path init;  // an adapter; empty: none
  std::span<const std::vector<engine::Example>> data;
};

// Each throws Error(kUsage) where options and base do not fit.
std::unique_ptr<Method> lora(const Start& start);
std::unique_ptr<Method> ia3(const Start& start);
std::unique_ptr<Method> prefix(const Start& start);
std::unique_ptr<Method> full(const Start& start);

// One a method, in the order of --help.
struct MethodEntry {
  const char* name;
  std::unique_ptr<Method> (*make)(const Start& start);
};
std::span<const MethodEntry> methods();

// The linears that `targets` name by the ends of their paths, as PEFT's target_modules do; without any, those whose
// module is among `usual`. Experts that a row is routed to are left out: transformers keeps them in one tensor, to
// which no module of PEFT's belongs. Throws Error(kUsage) listing the names there are.
std::vector<model::Site> target_sites(const model::ModelSpec& spec, const std::vector<std::string>& targets,
                                      std::span<const model::Module> usual);

}  // namespace deltascape::training
