// Owns what a LoRA pair is on its way out of here, and its form in llama.cpp's GGUF (PEFT's: peft_forms.h).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "adapter/operators.h"
#include "io/tensor_file.h"
#include "model/spec.h"

namespace deltascape::adapter {

// a [r, in], b [out, r], with rows in transformers' order; of the token embedding a [r, vocabulary], b [hidden, r].
struct LoraPair {
  model::Site site;
  LowRank low_rank;
  // What lora_alpha is without rsLoRA.
  double alpha() const { return low_rank.scale * static_cast<double>(low_rank.a.size(0)); }
};

class Adapter;
// All pairs of an adapter that is LoRA and nothing else; throws as Adapter::lora().
std::vector<LoraPair> lora_pairs(const Adapter& adapter);

struct LoraForm {
  const model::ModelSpec& base;
  std::string base_name;  // what the written adapter says it is for; may be empty
  io::DType dtype = io::DType::kF32;
};

// Whether two alphas are one: a scale times its rank may come out an ulp beside.
bool same_alpha(double a, double b);
// Whether one alpha says all pairs' scales, as llama.cpp divides it by each pair's rank.
bool one_alpha(const std::vector<LoraPair>& pairs);
// Throws Error(kUnsupported) naming a module that the form has no name for, Error(kNumeric) where a value is beyond
// the type. Without one alpha the scales go into B.
void write_gguf_lora(const std::filesystem::path& file, const std::vector<LoraPair>& pairs, const LoraForm& form);

}  // namespace deltascape::adapter
