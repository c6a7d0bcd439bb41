// An evaluation's examples as the tokens of a variant's own tokenizer, where it brings one along that differs from the
// base's.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "deltascape/progress.h"
#include "study/evaluator.h"

namespace deltascape::study {

// How many rows the tables of a variant have.
struct TableRows {
  std::int64_t embedding, head;
};
TableRows table_rows(const model::ModelSpec& spec, const engine::VariantOperators& variant);

class OwnExamples {
 public:
  // All outlive it. `bytes` as an Evaluator has them.
  OwnExamples(const EvaluateOptions& options, const EvaluationData& of_base, const model::Checkpoint& base,
              std::size_t bytes);
  // Asks `variant` in tokens of its own; null where those are the base's. Notes on `progress` what it finds. Throws
  // Error for a tokenizer that is broken, or gives tokens that the variant's tables do not have.
  const Evaluator* of(const std::filesystem::path& variant, const std::string& name, TableRows rows,
                      Progress& progress);

 private:
  struct Own {
    EvaluationData data;
    std::optional<Evaluator> evaluator;  // none where the tokens are the base's
    std::string unsupported;             // why the tokenizer cannot be used
    std::int64_t highest_read = 0, highest_said = 0;
  };
  std::unique_ptr<Own> read(const std::filesystem::path& variant) const;

  const EvaluateOptions& options_;
  const EvaluationData& of_base_;
  const model::Checkpoint& base_;
  std::size_t bytes_;
  std::optional<std::string> base_files_;             // once a variant brings some
  std::map<std::string, std::unique_ptr<Own>> seen_;  // by the hash of the tokenizer's files
};

}  // namespace deltascape::study
