// The main job (docs/design.md §4.4 `embed`): a base and finetuned variants on disk -> one Record a variant.
// Method: Delta Activations, arXiv 2509.04442 §3.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "deltascape/error.h"
#include "deltascape/progress.h"
#include "deltascape/record.h"

namespace deltascape {

class Breakdown;  // core/stopwatch.h

// One variant as the user named it; models.h makes them of words, lists, labels and shards.
struct ModelRef {
  std::string path;          // directory, file, or hub id org/name[@revision]
  std::string label;         // class, or empty
  std::string name;          // what results call it; empty: last component of path
  bool name_chosen = false;  // by the user: no other name is put in its place without a word
  // Already measured: others are measured beside it where a representation gives inner products, and it has no result.
  bool beside = false;
  std::string hint{};  // how the message ends where the model is not found, as "; did you mean 'math-2'?"
};

struct EmbedOptions {
  std::string base;  // empty: each variant's own base_model_name_or_path
  // A name of representations(), with parameters as "salient,fraction=0.01". Activations alone read layer and position.
  std::string representation = "activations";
  std::string layer = "last";      // last | all | N | FRACTION | L-pre; of an encoder-decoder: its decoder's
  std::string position = "last";   // last | mean | weighted
  std::string probes_file;         // empty: the paper's five
  std::string continuations_file;  // of meaning: JSONL of {"probe", "text"}; empty: sampled from the base, and kept
  std::string encoder = "sentence-transformers/all-MiniLM-L6-v2";  // of outputs: a model that embeds sentences
  std::string outputs_file;        // of outputs: JSONL of {"name", "probe", "text"} to write; empty: none
  std::string precision = "auto";  // auto | delta | fp32 | fp64; auto: by the processor's features
  std::string device = "auto";     // auto | cpu | cuda | cuda:N
  std::size_t memory = 0;          // bytes beside LibTorch's own; 0: half of the machine's free memory
  int threads = 0;                 // 0: all cores this process may use
  bool strict = false;             // refuse adapters with options that PEFT does not know
  Breakdown* breakdown = nullptr;  // where the time goes, when somebody asks
};

// What --representation takes.
struct RepresentationInfo {
  struct Parameter {
    std::string name, fallback, about;
  };
  std::string name;                   // "salient"
  std::string about;                  // one line
  std::string source;                 // paper and section
  bool gram = false;                  // inner products of variants in place of vectors
  std::vector<Parameter> parameters;  // behind the name
};
std::vector<RepresentationInfo> representations();

struct EmbedFailure {
  std::string name, path, error;  // error: one line
  ErrorCode code = ErrorCode::kInternal;
};

struct EmbedReport {
  std::size_t stored = 0;
  std::vector<EmbedFailure> failed;
  std::string precision_reason;  // what `auto` went by, "amx_bf16"; empty where a precision was asked for
};

// Calls `sink` once for every variant that worked, from this thread, as soon as its group is done; collects the others.
// Throws Error when nothing can start: a bad option (kUsage), an unreadable base, no tokenizer.
EmbedReport embed(const std::vector<ModelRef>& models, const EmbedOptions& options,
                  const std::function<void(store::Record)>& sink, Progress& progress = silent_progress());

// What every row of such a run carries, without running it. options.base is given. Throws as embed() does.
store::Space provenance(const EmbedOptions& options);

// The base's token ids of each text, as `embed` would tokenise it, without truncation (docs/design.md §4.4 `tokenize`).
std::vector<std::vector<std::int32_t>> tokenize(const std::string& base, const std::vector<std::string>& texts);

}  // namespace deltascape
