// Holds whole runs to PEFT and torch, step by step in float64: tests/train/check_train.py is the other side.
#include <cstdlib>

#include "oracle.h"
#include "training_folder.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;

struct Other {
  const char* name;
  const char* family;  // or a base below the goldens' root
  const char* method;
  const char* init;  // below the goldens' root; "": the base, of full parameters
  const char* loss;
};

constexpr Other kOthers[] = {{"lora", "llama", "lora", "models/llama/lora_linears", "sft"},
                             {"lora_conv1d", "gpt2", "lora", "models/gpt2/lora_linears", "sft"},
                             {"lora_encoder_decoder", "t5", "lora", "models/t5/lora_linears", "sft"},
                             {"ia3", "llama", "ia3", "models/llama/ia3", "sft"},
                             {"ia3_biases", "gpt2", "ia3", "kinds/gpt2/ia3", "sft"},
                             {"prefix", "llama", "prefix", "models/llama/prefix", "sft"},
                             {"full", "llama", "full", "", "sft"},
                             {"full_tied_conv1d", "gpt2", "full", "", "sft"},
                             {"full_norms_plus_one", "gemma2", "full", "", "sft"},
                             {"full_own_head", "heads/qwen2/own_lm_head", "full", "", "sft"},
                             {"full_own_head_encoder", "heads/t5/own_lm_head", "full", "", "sft"},
                             {"lora_dpo", "llama", "lora", "models/llama/lora_linears", "dpo"},
                             {"full_dpo", "llama", "full", "", "dpo"}};

class Peft : public testing::TrainingTest {
 protected:
  // Uneven batches, two epochs, a schedule with warm-up, decay and a bound on the gradient that it meets.
  TrainOptions options_of(const Other& other) const {
    TrainOptions o = options(other.name);
    const bool below = std::string_view(other.family).starts_with("heads/");
    o.base = (below ? testing::models_folder().parent_path() / other.family : golden(other.family) / "base").string();
    o.method = other.method, o.loss = other.loss;
    o.init = *other.init ? (testing::models_folder().parent_path() / other.init).string() : "";
    o.data = (o.loss == "dpo" ? preferences() : completions()).string();
    o.learning_rate = 1e-2, o.weight_decay = 0.02, o.schedule = "cosine", o.warmup = 0.3, o.clip = 0.5;
    o.shuffle = false, o.precision = "fp64";
    return o;
  }
  // As check_train.py reads it.
  fs::path case_of(const std::string& name, const TrainOptions& o) const {
    const io::Json json = {{"base", o.base},
                           {"data", o.data},
                           {"out", o.out},
                           {"method", o.method},
                           {"loss", o.loss},
                           {"init", o.init.empty() ? o.base : o.init},
                           {"batch", o.batch},
                           {"accumulation", o.accumulation},
                           {"epochs", static_cast<int>(o.epochs)},
                           {"learning_rate", o.learning_rate},
                           {"weight_decay", o.weight_decay},
                           {"clip", o.clip},
                           {"schedule", o.schedule},
                           {"warmup", o.warmup},
                           {"beta", o.beta}};
    return put(name + ".json", json.dump());
  }
};

TEST_F(Peft, MakesTheSameOfTheSameExamples) {
  std::string command = testing::oracle_command("train/check_train.py");
  if (command.empty()) GTEST_SKIP() << testing::kNoOracle;
  for (const Other& other : kOthers) {
    const TrainOptions o = options_of(other);
    train(o);
    command += " " + case_of(other.name, o).string();
  }
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

}  // namespace
}  // namespace deltascape
