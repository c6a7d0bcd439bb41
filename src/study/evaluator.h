// Owns asking one variant about all examples: its answers or its likelihoods, in passes that fit into memory.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "lm/batches.h"
#include "study/evaluate_data.h"
#include "study/metrics.h"
#include "text/detokenizer.h"

namespace deltascape::study {

class Evaluator {
 public:
  // The first two outlive it. `tokenizer`: the folder or GGUF of the one that made `data`. `bytes`: what a pass may
  // take beside the weights.
  Evaluator(const EvaluateOptions& options, const EvaluationData& data, const std::filesystem::path& tokenizer,
            std::size_t bytes);
  // How many steps of progress one variant takes.
  std::int64_t steps() const;
  // One for each row of the data, in its order. Calls `advance` with steps done.
  std::vector<Prediction> operator()(engine::Weights& weights, const engine::VariantOperators& variant,
                                     const std::function<void(std::int64_t)>& advance) const;
  Evaluation summary(const std::vector<Prediction>& predictions) const;

 private:
  std::vector<std::string> answers(const engine::Asked& asked) const;
  std::string until_stop(const std::string& said) const;

  const EvaluateOptions& options_;
  const EvaluationData& data_;
  Metric metric_;
  Match match_;
  std::optional<text::Detokenizer> detokenizer_;  // of exact
  std::vector<engine::Example> examples_;         // of all rows, one after the other
  std::size_t bytes_;
};

}  // namespace deltascape::study
